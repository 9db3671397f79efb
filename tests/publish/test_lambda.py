"""The publisher as a Lambda function: woken by the log's stream, it publishes from its own checkpoint."""

from __future__ import annotations

from typing import Any

import pytest

from leftfold import ConfigError
from leftfold.adapters.memory import Memory
from leftfold.lambdas import publisher
from leftfold.ports.backend import Backend
from leftfold.publish import Publish, sending
from tests.lambdas_streams.feeding import Context, Said, delivery, failed, page
from tests.publish.office import Office, failing
from tests.publish.post import App, Posted, parcels, post, public


@pytest.fixture
def store() -> Backend:
    return Memory().open()


def append(app: App, store: Backend, *events: Any) -> None:
    app.open(store).category(parcels).handle("a", list(events))


def test_a_record_of_the_log_publishes_what_it_tells_of_once(store: Backend) -> None:
    office = Office()
    handler = publisher(post(office), store=store, write=Said())
    append(post(office), store, Posted("1"), Posted("2"))
    for _ in range(2):  # the same delivery again
        assert failed(handler(delivery([page(1, 2, sequence=1)]), Context())) == []
    assert office.ids == ["parcel/a@1", "parcel/a@2"]


def test_what_could_not_be_published_is_reported_so_that_it_wakes_somebody_again(
    store: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "TURN_S", 0.1)
    office, said = Office(failing("a@2")), Said()
    handler = publisher(post(office), store=store, write=said)
    append(post(office), store, Posted("1"), Posted("2"))
    records = [page(1, 1, sequence=1), page(2, 1, sequence=2)]
    assert failed(handler(delivery(records), Context())) != []
    assert "Busy: later" in said.logged("a subscriber stopped")[0]["reason"]
    office.verdict = lambda message: None
    assert failed(handler(delivery(records), Context())) == []
    assert office.ids == ["parcel/a@1", "parcel/a@2"]


def test_a_call_that_is_no_delivery_publishes_all_there_is(store: Backend) -> None:
    office = Office()
    append(post(office), store, Posted("1"))
    answer = publisher(post(office), store=store, write=Said())({}, Context())
    assert answer == {"positions": {"": {"publish:office": 1}}, "behind": []}


def test_a_function_may_publish_to_some_destinations_alone(store: Backend) -> None:
    one, other = Office(), Office()
    other.name = "other"
    rules = [Publish(Posted, to=to, as_=public) for to in (one, other)]
    app = App("post", deciders=[parcels], publish=rules)
    append(app, store, Posted("1"))
    publisher(app, to=[other], store=store, write=Said())({}, Context())
    assert (one.ids, other.ids) == ([], ["parcel/a@1"])
    with pytest.raises(ConfigError, match="publishes nothing to 'kinesis:x'"):
        publisher(app, to=["kinesis:x"])
