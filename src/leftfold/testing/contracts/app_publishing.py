"""Publishing on any store: what a rule maps goes out at least once, in its stream's order, and knows its predecessor."""

from __future__ import annotations

from msgspec import Struct

from leftfold.adapters.inprocess import InProcess
from leftfold.app import App
from leftfold.core.events import Recorded
from leftfold.core.streams import stream
from leftfold.dcb import Tagged
from leftfold.ports.publisher import Message
from leftfold.publish.envelope import CloudEvent, read
from leftfold.publish.rules import Publish
from leftfold.testing.contracts.app_base import AppBase, OpenApp
from leftfold.testing.contracts.app_reactions import Fault, deposit
from leftfold.testing.contracts.app_views import opened
from leftfold.testing.sample import Deposit, Deposited, Transfer, TransferSent, Withdrawn, account, bank

LANE = "stream:account/ann"


class Moved(Struct, frozen=True):
    cents: int


class Office:
    """Where messages arrive."""

    def __init__(self) -> None:
        self.arrived: list[CloudEvent] = []
        self.to = InProcess("office", self._take)

    def _take(self, message: Message) -> None:
        self.arrived.append(read(message.body))

    def told(self, subject: str = "") -> list[tuple[str, int | None, bytes]]:
        """Each message's id, predecessor and data."""
        return [(one.id, one.previous, one.data) for one in self.arrived if subject in (one.subject or "")]


def publishing(office: Office, fault: Fault | None = None) -> App:
    """A bank that tells of deposits and withdrawals over 10, and fails to where it is told to."""

    def moved(event: Recorded[Deposited | Withdrawn]) -> Moved | None:
        (fault or Fault()).check(event.data.amount)
        return Moved(event.data.amount) if event.data.amount > 10 else None

    return App("bank", deciders=[account], publish=[Publish(Deposited | Withdrawn, to=office.to, as_=moved)])


class AppPublishing(AppBase):
    """Rules, predecessors, restarts, poison, several streams."""

    def test_what_a_rule_maps_goes_out_once_in_its_streams_order(self, open_app: OpenApp) -> None:
        office = Office()
        session = open_app(publishing(office))
        deposit(session, ann=(20, 5, 30))
        deposit(session, bob=(40,))
        for _ in range(2):
            self.catch_up(session)
        assert office.told("ann") == [("account/ann@2", 0, b'{"cents":20}'), ("account/ann@4", 2, b'{"cents":30}')]
        assert office.told("bob") == [("account/bob@2", 0, b'{"cents":40}')]
        assert [one.position for one in office.arrived if one.subject == "account/ann"] == [2, 4]
        (status,) = session.operations.status()
        assert (status.role, status.health.state, status.health.lag) == ("publisher", "ok", 0)

    def test_another_process_goes_on_where_the_first_has_stopped(self, open_app: OpenApp) -> None:
        office = Office()
        first = open_app(publishing(office))
        deposit(first, ann=(20,))
        self.catch_up(first)
        first.close()
        second = open_app(publishing(office))
        deposit(second, ann=(5, 30))
        self.catch_up(second)
        assert [(name, previous) for name, previous, _ in office.told()] == [("account/ann@2", 0), ("account/ann@4", 2)]

    def test_the_cause_of_an_event_goes_with_it(self, open_app: OpenApp) -> None:
        office = Office()
        session = open_app(App("bank", deciders=[account], reactions=bank.reactions, publish=_deposits(office)))
        accounts = opened(session, "ann", "bob")
        trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        accounts.handle("ann", Transfer("bob", 30), command_id="t1", correlation_id="k1", traceparent=trace)
        self.catch_up(session)
        last = office.arrived[-1]
        assert (last.id, last.correlationid, last.causationid) == ("account/bob@3", "k1", "account/ann@3")
        assert last.traceparent == trace

    def test_what_can_not_be_mapped_parks_its_stream_and_goes_out_in_order_when_it_can(self, open_app: OpenApp) -> None:
        office, fault = Office(), Fault(13)
        session = open_app(publishing(office, fault))
        deposit(session, ann=(20, 13, 30), bob=(40,))
        self.catch_up(session)
        poison, queued = session.operations.dead_letters()
        assert (poison.lane, poison.kind, poison.error) == (LANE, "poison", "ValueError: no such amount: 13")
        assert queued.kind == "queued"
        assert [name for name, _, _ in office.told()] == ["account/ann@2", "account/bob@2"]
        fault.mend(13)
        assert session.operations.retry("publish:inprocess:office", LANE) == 0
        session.category(account).handle("ann", Deposit(50))
        self.catch_up(session)
        assert [previous for _, previous, _ in office.told("ann")] == [0, 2, 3, 4]

    def test_a_skipped_event_is_a_gap_for_consumers(self, open_app: OpenApp) -> None:
        office, fault = Office(), Fault(13)
        session = open_app(publishing(office, fault))
        deposit(session, ann=(20, 13, 30))
        self.catch_up(session)
        assert session.operations.skip("publish:inprocess:office", LANE, reason="a typing error") == 0
        assert [(name, previous) for name, previous, _ in office.told()] == [("account/ann@2", 0), ("account/ann@4", 3)]

    def test_an_event_of_several_streams_goes_out_once_under_its_first(self, open_app: OpenApp) -> None:
        office = Office()
        app = App("bank", deciders=[account], publish=_deposits(office))
        session = open_app(app)
        ann, bob = stream("account", "ann"), stream("account", "bob")
        for tags in ((ann, bob), (bob, ann), (ann,), (bob,)):
            session.dcb().append([Tagged(Deposited(20), tags)])
        self.catch_up(session)
        told = [(name, previous) for name, previous, _ in sorted(office.told())]
        assert told == [("account/ann@1", 0), ("account/ann@3", 1), ("account/bob@2", 0), ("account/bob@3", 2)]
        again = Office()  # and the same from the store, where nothing is remembered
        later = open_app(App("bank", deciders=[account], publish=_deposits(again, "later")))
        self.catch_up(later)
        assert sorted(again.told()) == sorted(office.told())


def _deposits(office: Office, name: str = "office") -> list[Publish]:
    to = office.to if name == "office" else InProcess(name, lambda message: office.arrived.append(read(message.body)))

    def moved(event: Recorded[Deposited | TransferSent]) -> Moved | None:
        return Moved(event.data.amount) if isinstance(event.data, Deposited) else None

    return [Publish(Deposited | TransferSent, to=to, as_=moved)]
