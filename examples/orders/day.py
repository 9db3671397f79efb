"""A day at the shop, told line by line: python day.py [URL], by default in memory.

On a file (`sqlite:orders.db`) a second run changes nothing: every command has an id, and an id counts once. There
`leftfold runs orders:orders --store sqlite:orders.db` shows the checkouts and the invoices.
"""

import sys

import order
import payment
import stock
from checkout import Approval, checkout
from order import Line, Place
from orders import orders
from payment import Agree, Pay
from shop import customers, picking
from stock import HandOver, Receive

TEA, POT = "tea", "pot"


def main(url: str) -> None:
    with orders.open(url) as session:
        placing, paying, storing = session.category(order), session.category(payment), session.category(stock)
        storing.handle("berlin", Receive({TEA: 10, POT: 30}), command_id="lorry-1")
        paying.handle("ann", Agree(100_00), command_id="contract-1")
        paying.handle("ben", Agree(2_000_00), command_id="contract-2")

        def place(name: str, customer: str, country: str, *lines: Line) -> None:
            placing.handle(name, Place(customer, "berlin", country, lines), command_id=f"place-{name}")
            session.catch_up()  # views, reactions, processes, workflows; `orders.run(url)` does it in the background
            run = session.workflow(checkout).status(name)
            print(f"{name}: {customer} orders for {order.total(lines) / 100:.2f}, the checkout is {run.status}")
            for step, error in run.errors.items():
                print(f"     {step}: {error}; undone: {', '.join(reversed(run.undone))}")

        place("o-1", "ann", "DE", Line(TEA, 2, 5_00))
        place("o-2", "ann", "DE", Line(TEA, 3, 50_00))  # over her limit: what was reserved is released
        place("o-3", "ben", "AQ", Line(POT, 1, 40_00))  # no carrier goes there: the charge is refunded, too
        place("o-4", "ben", "CH", Line(POT, 25, 40_00))  # a large one: somebody looks at it first

        if session.workflow(checkout).status("o-4").waits_for:
            session.workflow(checkout).answer("o-4", "approval", Approval("carol", yes=True))
        session.catch_up()
        print(f"Carol approves o-4; to pick in Berlin: {session.view(picking).get('berlin').orders}")

        for name in ("o-1", "o-4"):
            storing.handle("berlin", HandOver(name), command_id=f"hand-{name}")
        paying.handle("ann", Pay("o-1"), command_id="paid-1")
        session.catch_up()
        for customer in ("ann", "ben"):
            print(f"{customer} sees {session.view(customers).get(customer).orders}")
            print(f"{customer} owes {sum(paying.state(customer).owed.values()) / 100:.2f}")
        for invoice in session.operations.runs.list("open"):
            ((timer, at),) = invoice.run.timers.items()
            print(f"{invoice.stream} waits to be paid, and is {timer} on {at:%Y-%m-%d}")


if __name__ == "__main__":
    main(*sys.argv[1:] or ["memory:"])
