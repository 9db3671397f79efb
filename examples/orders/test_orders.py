"""The shop: its four deciders and its views, as those who use them know them."""

import order
import payment
import pytest
import shipment
import stock
from order import Confirm, Confirmed, Line, Place, Placed, Reject, Rejected, Ship, Shipped
from payment import Agree, Agreed, Charge, Charged, Paid, Pay, Refund, Refunded, Remind, Reminded, Stop, Stopped
from shipment import Book, Booked, Cancel, Cancelled, Dispatch, Dispatched
from shop import Customer, Picking, collected, customers, picking, sent
from stock import HandedOver, HandOver, List, Listed, Receive, Received, Release, Released, Reserve, Reserved, Unlisted

from leftfold import send
from leftfold.testing import given, happened, reaction, view

TEA = Line("tea", 2, 5_00)
PLACE = Place("ann", "berlin", "DE", (TEA,))
PLACED = Placed("ann", "berlin", "DE", (TEA,))
RECEIVED = Received({"tea": 3, "cup": 1})
RESERVED = Reserved("o-1", {"tea": 2})
LISTED = Listed("o-1", {"tea": 2})


def test_an_order_is_placed_once() -> None:
    given(order).when(PLACE).then(PLACED)
    given(order, PLACED).when(PLACE).raises(order.Refused, "already placed")


@pytest.mark.parametrize("lines", [(), (Line("tea", 0, 5_00),), (Line("tea", 1, -1),)])
def test_an_order_is_for_something(lines: tuple[Line, ...]) -> None:
    given(order).when(Place("ann", "berlin", "DE", lines)).raises(order.Refused, "at least one item")


def test_an_order_is_confirmed_or_rejected_and_ships_when_it_is_confirmed() -> None:
    given(order, PLACED).when(Confirm()).then(Confirmed("ann"))
    given(order, PLACED).when(Reject()).then(Rejected("ann"))
    given(order, PLACED, Rejected("ann")).when(Confirm()).raises(order.Refused, "it is rejected")
    given(order, PLACED).when(Ship()).raises(order.Refused, "it is placed")
    given(order, PLACED, Confirmed("ann")).when(Ship()).then(Shipped("ann"))
    given(order).when(Confirm()).raises(order.Refused, "not placed")


def test_a_customer_owes_no_more_than_was_agreed() -> None:
    given(payment, Agreed(10_00)).when(Charge("o-1", 10_00)).then(Charged("o-1", 10_00))
    given(payment, Agreed(10_00), Charged("o-1", 4_00)).when(Charge("o-2", 7_00)).raises(payment.Refused, "over the limit")
    given(payment).when(Charge("o-1", 1)).raises(payment.Refused, "over the limit")
    given(payment, Agreed(9)).when(Agree(8)).then(Agreed(8))


@pytest.mark.parametrize(
    ("command", "event"),
    [
        (Pay("o-1"), Paid("o-1")),
        (Refund("o-1"), Refunded("o-1")),
        (Remind("o-1"), Reminded("o-1")),
        (Stop("o-1"), Stopped("o-1")),
    ],
    ids=["pay", "refund", "remind", "stop"],
)
def test_only_what_is_owed_is_paid_refunded_or_asked_for(command: payment.Command, event: payment.Event) -> None:
    owing = Agreed(10_00), Charged("o-1", 4_00)
    given(payment, *owing).when(command).then(event)
    given(payment, *owing, Paid("o-1")).when(command).raises(payment.Refused, "nothing is owed")


def test_who_is_long_overdue_buys_nothing_until_it_is_paid() -> None:
    overdue = Agreed(10_00), Charged("o-1", 4_00), Reminded("o-1"), Stopped("o-1")
    given(payment, *overdue).when(Charge("o-2", 1)).raises(payment.Refused, "o-1 is long overdue")
    given(payment, *overdue, Paid("o-1")).when(Charge("o-2", 1)).then(Charged("o-2", 1))


def test_nobody_reserves_what_is_not_there() -> None:
    given(stock, RECEIVED).when(Reserve("o-1", {"tea": 2})).then(RESERVED)
    given(stock, RECEIVED, RESERVED).when(Reserve("o-2", {"tea": 2, "pot": 1})).raises(stock.Refused, "of tea, pot")
    given(stock, RECEIVED, RESERVED).when(Reserve("o-1", {"tea": 1})).raises(stock.Refused, "already reserved")


def test_what_is_released_is_there_again() -> None:
    kept = Received({"tea": 3}), Received({"cup": 1}), RESERVED
    given(stock, *kept).when(Release("o-1")).then(Released("o-1"))
    given(stock, *kept, Released("o-1")).when(Reserve("o-2", {"tea": 3})).then(Reserved("o-2", {"tea": 3}))
    given(stock, *kept, Released("o-1")).when(Release("o-1")).raises(stock.Refused, "nothing is kept")


def test_what_is_picked_goes_to_the_carrier() -> None:
    given(stock, RECEIVED, RESERVED).when(List("o-1")).then(LISTED)
    given(stock, RECEIVED, RESERVED).when(HandOver("o-1")).raises(stock.Refused, "not on the picking list")
    given(stock, RECEIVED, RESERVED, LISTED).when(Release("o-1")).raises(stock.Refused, "is on the picking list")
    given(stock, RECEIVED, RESERVED, LISTED).when(HandOver("o-1")).then(HandedOver("o-1"))
    given(stock, RECEIVED, RESERVED, LISTED, HandedOver("o-1")).when(Receive({"tea": 1})).then(Received({"tea": 1}))


def test_a_carrier_goes_where_it_goes() -> None:
    given(shipment).when(Book("berlin", "DE")).then(Booked("berlin", "DE"))
    given(shipment).when(Book("berlin", "AQ")).raises(shipment.Refused, "no carrier goes to AQ")
    given(shipment, Booked("berlin", "DE")).when(Cancel()).then(Cancelled())
    given(shipment, Booked("berlin", "DE")).when(Dispatch()).then(Dispatched())
    given(shipment, Booked("berlin", "DE"), Dispatched()).when(Cancel()).raises(shipment.Refused, "it is dispatched")


def test_a_customer_sees_all_their_orders() -> None:
    seen = view(customers).after(
        happened("order", "o-1", PLACED),
        happened("order", "o-2", PLACED),
        happened("order", "o-1", Confirmed("ann")),
        happened("order", "o-1", Shipped("ann")),
        happened("order", "o-3", Placed("ben", "berlin", "DE", (TEA,))),
        happened("order", "o-3", Rejected("ben")),
    )
    seen.rows({"ann": Customer({"o-1": "shipped", "o-2": "placed"}), "ben": Customer({"o-3": "rejected"})})
    seen.found(["ann"], underway=1)


def test_a_warehouse_sees_what_to_pick() -> None:
    seen = view(picking).after(
        happened("stock", "berlin", LISTED),
        happened("stock", "berlin", Listed("o-2", {"cup": 1})),
        happened("stock", "bonn", Listed("o-3", {"cup": 1})),
        happened("stock", "berlin", HandedOver("o-1")),
        happened("stock", "bonn", Unlisted("o-3")),
    )
    seen.rows({"berlin": Picking({"o-2": {"cup": 1}}), "bonn": Picking()})
    seen.found(["berlin"], parcels=1)


def test_a_parcel_that_was_handed_over_is_on_its_way_and_so_is_its_order() -> None:
    handed = happened("stock", "berlin", HandedOver("o-1"))
    reaction(collected).on(handed).sends(send(shipment, "o-1", Dispatch()))
    reaction(sent).on(happened("shipment", "o-1", Dispatched())).sends(send(order, "o-1", Ship()))
