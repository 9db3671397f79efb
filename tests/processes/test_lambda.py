"""The reactor serves processes too: all of them, or those that are named."""

from __future__ import annotations

import pytest

from leftfold import ConfigError
from leftfold.adapters.memory import Memory
from leftfold.lambdas import reactor
from leftfold.testing import FrozenClock
from leftfold.testing.sample_shop import Place, fulfilment, orders, shop
from tests.lambdas_streams.feeding import Context, Said, delivery, failed, page


@pytest.mark.parametrize("chosen", [None, fulfilment, "fulfilment"], ids=["all", "declared", "named"])
def test_a_reactor_moves_a_process_to_its_end(chosen: object) -> None:
    memory = Memory(FrozenClock())
    session = shop.open(memory.open())
    session.category(orders).handle("o1", Place(50))
    session.category(orders).handle("o2", Place(500))
    runs = None if chosen is None else [chosen]
    handler = reactor(shop, runs=runs, store=memory.open(), write=Said())  # type: ignore[arg-type]
    assert failed(handler(delivery([page(1, 2, sequence=1)]), Context())) == []
    end = 0
    while session.backend.log.end() > end:  # what it appends wakes it again
        end = session.backend.log.end()
        assert handler({}, Context())["behind"] == []
    assert [session.category(orders).state(key).status for key in ("o1", "o2")] == ["confirmed", "cancelled"]


def test_a_reactor_of_reactions_alone_leaves_processes_to_others() -> None:
    memory = Memory(FrozenClock())
    session = shop.open(memory.open())
    session.category(orders).handle("o1", Place(50))
    handler = reactor(shop, reactions=[], store=memory.open(), write=Said())
    assert handler({}, Context()) == {"positions": {}, "behind": []}
    assert session.category(orders).state("o1").status == "placed"


def test_a_process_that_the_app_lacks_is_refused() -> None:
    with pytest.raises(ConfigError, match="'dunning' is no process or workflow of app 'shop'"):
        reactor(shop, runs=["dunning"])
