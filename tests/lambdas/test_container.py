"""What a container keeps between calls, and what a snapshot of it must not keep."""

import json
import random
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from leftfold import App, ConfigError
from leftfold.lambdas import commands
from leftfold.lambdas.container import TENANTS_KEPT, Container, Options
from leftfold.lambdas.deadline import MARGIN_S, deadline
from leftfold.testing.sample import account, bank
from tests.lambdas.conftest import Context, Desk, Told, opening


def container(app: App = bank, **options: Any) -> Container:
    given: Options = {"store": "memory:", "write": lambda line: None, **options}  # type: ignore[typeddict-item]
    return Container(app, "commands", given)


def test_nothing_is_opened_before_the_first_use_and_then_kept() -> None:
    nowhere = container(store="sqlite:/nowhere/at/all.db")
    with nowhere.call(None):
        pass  # no session was asked for
    kept = container()
    with kept.call(None) as call:
        first = call.session()
    with kept.call(None) as call:
        assert call.session() is first


def test_the_store_and_the_tenant_come_from_the_environment(monkeypatch: pytest.MonkeyPatch, desk: Desk) -> None:
    monkeypatch.setenv("LEFTFOLD_STORE", desk.url)
    monkeypatch.setenv("LEFTFOLD_TENANT", "acme")
    commands(bank, write=desk.told.write)(opening(), None)
    assert desk.events() == []
    with bank.open(desk.url, tenant="acme") as session:
        assert len(list(session.log())) == 1


def test_the_place_for_bad_records_comes_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, desk: Desk, tmp_path: Any
) -> None:
    monkeypatch.setenv("LEFTFOLD_ASIDE", f"file:{tmp_path}/aside")
    handler = commands(bank, store=desk.url, write=desk.told.write)
    handler({"Records": [{"messageId": "m1", "eventSource": "aws:sqs"}]}, None)
    assert [file.name for file in (tmp_path / "aside").rglob("*.json")] == ["m1.json"]


def test_a_handler_without_a_store_says_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LEFTFOLD_STORE", raising=False)
    with pytest.raises(ConfigError, match="LEFTFOLD_STORE"):
        container(store=None).session()


def test_each_tenant_has_a_session_and_the_least_used_one_is_closed(desk: Desk) -> None:
    kept = container(store=desk.url, tenant=lambda asked: asked)
    first = kept.session("t0")
    sessions = [kept.session(f"t{number}") for number in range(1, TENANTS_KEPT)]
    assert kept.session("t0") is first
    kept.session("one-more")
    assert kept.session("t0") is first
    assert kept.session("t1") is not sessions[0]
    with pytest.raises(Exception, match="closed"):
        list(sessions[0].log())
    kept.close()


def test_an_opened_backend_serves_as_the_store() -> None:
    from leftfold.adapters.memory import Memory

    backend = Memory().open("")
    commands(bank, store=backend, write=lambda line: None)(opening(), None)
    with bank.open(backend) as session:
        assert len(list(session.log())) == 1


def test_each_call_is_counted_and_told_by_one_line(desk: Desk) -> None:
    handler = commands(bank, **desk.options())
    for _ in range(3):
        handler(opening(), None)
    assert (desk.told.count("invocations"), desk.told.count("cold_starts")) == (3, 1)
    assert desk.told.count("duration") > 0
    assert len(desk.told.lines) == 3


def test_a_call_that_raises_is_counted_too(desk: Desk) -> None:
    with pytest.raises(ZeroDivisionError), container(write=desk.told.write).call(Context(9000)):
        raise ZeroDivisionError("s3cr3t")
    assert desk.told.count("faults") == desk.told.count("invocations") == 1
    assert desk.told.logs("the call failed")[0]["request_id"] == "8a1b"
    assert "s3cr3t" not in "".join(desk.told.lines)


def test_every_log_line_of_a_call_names_its_request(desk: Desk) -> None:
    handler = commands(bank, **desk.options())
    handler({"Records": [{"messageId": "m1", "eventSource": "aws:sqs"}]}, Context(9000))
    handler({"Records": [{"messageId": "m2", "eventSource": "aws:sqs"}]}, None)
    assert [line.get("request_id") for line in desk.told.logs()] == ["8a1b", None]


def test_lines_go_to_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    with Container(bank, "commands", {"store": "memory:"}).call(None):
        pass
    [line] = capsys.readouterr().out.splitlines()
    assert json.loads(line)["invocations"] == 1


def test_the_level_of_logs_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    told = Told()
    monkeypatch.setenv("LEFTFOLD_LOG_LEVEL", "ERROR")
    handler = commands(bank, store="memory:", write=told.write)
    handler({"Records": [{"messageId": "m1", "body": json.dumps(opening()), "eventSource": "aws:sqs"}] * 2}, None)
    assert told.logs() == []
    monkeypatch.setenv("LEFTFOLD_LOG_LEVEL", "loud")
    with pytest.raises(ConfigError, match="LEFTFOLD_LOG_LEVEL"):
        commands(bank, store="memory:")


@pytest.fixture
def hooks(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[Any]]:
    """Lambda's package for SnapStart, as far as it is used."""
    found: dict[str, list[Any]] = {"before": [], "after": []}
    module = SimpleNamespace(
        register_before_snapshot=found["before"].append, register_after_restore=found["after"].append
    )
    monkeypatch.setitem(sys.modules, "snapshot_restore_py", module)  # type: ignore[arg-type]
    return found


def test_a_snapshot_holds_no_session_and_a_restored_container_opens_its_own(
    hooks: dict[str, list[Any]], desk: Desk
) -> None:
    kept = container(store=desk.url)
    taken = kept.session()
    [before], [after] = hooks["before"], hooks["after"]
    before()
    with pytest.raises(Exception, match="closed"):
        list(taken.log())
    after()
    fresh = kept.session()
    assert fresh is not taken
    assert fresh._owner != taken._owner
    assert fresh.category(account).state("ann").balance == 0
    kept.close()


def test_two_containers_of_one_snapshot_draw_different_lots(hooks: dict[str, list[Any]]) -> None:
    container()
    [after] = hooks["after"]
    drawn = set()
    state = random.getstate()
    for _ in range(3):
        random.setstate(state)  # the snapshot
        after()
        drawn.add(random.random())
    random.setstate(state)
    assert len(drawn) == 3


def test_a_restored_container_counts_as_cold(hooks: dict[str, list[Any]], desk: Desk) -> None:
    handler = commands(bank, **desk.options())
    handler(opening(), None)
    hooks["before"][0]()
    hooks["after"][0]()
    handler(opening(), None)
    assert desk.told.count("cold_starts") == 2


def test_time_is_up_a_margin_before_the_end() -> None:
    assert deadline(Context(30_000)).left_s() == 30 - MARGIN_S
    assert not deadline(Context(30_000, 2_001)).passed
    assert deadline(Context(30_000, 2_000)).passed
    assert deadline(Context(30_000, 0)).left_s() == 0


def test_a_function_of_few_seconds_has_a_smaller_margin() -> None:
    """Three seconds are Lambda's default: a margin of two would leave it no time."""
    assert deadline(Context(3_000)).left_s() == 2.25


def test_a_call_without_a_context_has_no_end() -> None:
    assert not deadline(None).passed
    assert not deadline(object()).passed
