"""`app.describe()` says all that exists, as plain data."""

from __future__ import annotations

import json

from leftfold import App, View
from tests.cloud.apps import Added, count, everything, least, till


def test_an_app_with_a_bit_of_everything() -> None:
    told = everything.describe()
    assert list(told) == [
        *("app", "deciders", "views", "reactions", "processes", "workflows", "destinations", "ingest"),
    ]
    assert told["app"] == "everything"
    (decider,) = told["deciders"]
    assert (decider["category"], decider["commands"], decider["events"]) == ("till", ["Add"], ["Added"])
    assert (decider["boundary"], decider["snapshot_every"]) == (False, None)
    assert [(one["name"], one["version"]) for one in told["views"]] == [("runs", 1), ("sums", 1), ("sums", 2)]
    assert told["reactions"] == [{"name": "echo", "events": ["Added"]}]
    assert told["processes"] == [
        {"name": "watch", "version": 1, "events": ["Added"], "timers": False, "stuck_after_s": None}
    ]
    assert [(one["name"], one["version"]) for one in told["workflows"]] == [("closing", 1), ("closing", 2)]
    assert [one["name"] for one in told["destinations"]] == [
        *("eventbridge:ledger", "eventbridgev2:ledger-fifo", "kinesis:feed", "kinesis:theirs"),
    ]
    assert told["ingest"] == [{"name": "doors", "events": ["Opened"]}]


def test_a_workflow_is_told_as_a_tree() -> None:
    count, both, how = everything.describe()["workflows"][0]["steps"]
    assert (count["kind"], count["undo"], count["timeout_s"], count["retry"]["times"]) == ("step", True, 30, 3)
    assert [[one["name"] for one in branch] for branch in both["branches"]] == [["lock"], ["settle"]]
    assert both["branches"][1][0]["for_s"] == 60
    (approval,) = how["branches"]["large"]
    assert (approval["kind"], approval["answers"], approval["timeout_s"]) == ("await", ["Add"], 3600)
    assert how["branches"]["small"] == []


def test_it_is_json_and_the_same_each_time() -> None:
    assert json.loads(json.dumps(everything.describe())) == everything.describe()


def test_the_order_of_declaration_is_no_matter() -> None:
    views = [View("a", initial=0, evolve=count), View("b", initial=0, evolve=count)]
    first = App("tills", deciders=[till], views=views)
    second = App("tills", deciders=[till], views=views[::-1])
    assert first.describe() == second.describe()


def test_an_event_goes_by_its_name_on_disk() -> None:
    class Named:
        category, initial, names = "named", 0, {Added: "till.added"}
        decide, evolve = till.decide, till.evolve

    told = App("named", deciders=[Named()], views=[View("sums", initial=0, evolve=count)]).describe()
    assert told["deciders"][0]["events"] == ["till.added"]
    assert told["views"][0]["events"] == ["till.added"]


def test_next_to_nothing_is_told_as_such() -> None:
    told = least.describe()
    assert [name for name, parts in told.items() if parts] == ["app", "deciders"]
