"""`leftfold views`: health, and a second build of a view beside the first."""

import pytest

from tests.cli.desk import Desk

HALVED = (
    (
        "case Deposited(amount): return Balance(row.owner, row.cents + amount)",
        "case Deposited(amount): return Balance(row.owner, row.cents + amount // 2)",
    ),
    (
        'View("balances", initial=Balance(), evolve=balance)',
        'View("balances", initial=Balance(), evolve=balance, version=2)',
    ),
)
POISON = (
    "case Deposited(amount): return Balance(",
    "case Deposited(13): raise ValueError('thirteen')\n        case Deposited(amount): return Balance(",
)


def stop_the_clock(desk: Desk, hours: int) -> None:
    """As if nothing had moved for so long."""
    import sqlite3

    with sqlite3.connect(desk.folder / "bank.db") as database:
        database.execute("UPDATE events SET body = cast(replace(cast(body AS TEXT), strftime('%Y'), '2001') AS BLOB)")
        database.execute("UPDATE checkpoints SET moved_at = NULL")
    database.close()


def roles(desk: Desk) -> dict[tuple[str, str], str]:
    return {(one["name"], one["role"]): one["subscriber"] for one in desk.json("views", "bank:app")}


def test_the_status_shows_every_build_and_reaction(bank: Desk) -> None:
    head, *rows = [line.split() for line in bank.ok("views", "bank:app").splitlines()]
    assert head == ["view", "role", "build", "state", "position", "lag", "parked", "refused", "moved"]
    assert [(row[0], row[1]) for row in rows] == [("balances", "live"), ("owners", "live"), ("credit", "reaction")]
    assert [row[3:6] for row in rows[:2]] == [["ok", "5", "0"]] * 2


def test_programs_get_the_status_whole(bank: Desk) -> None:
    balances, _, credit = bank.json("views", "bank:app", "status")
    assert (balances["name"], balances["role"], balances["in_code"], balances["changed"]) == (
        "balances",
        "live",
        True,
        False,
    )
    assert balances["health"]["state"] == "ok"
    assert credit["subscriber"] == "reaction:credit"


def test_the_status_of_one_view(bank: Desk) -> None:
    assert [one["name"] for one in bank.json("views", "bank:app", "status", "owners")] == ["owners"]


def test_lag_is_no_fault_but_standing_still_is(desk: Desk) -> None:
    desk.fill(catch_up=False)
    behind = desk.json("views", "bank:app", code=0)
    assert [(one["health"]["state"], one["health"]["lag"]) for one in behind] == [("behind", 4)] * 3
    stop_the_clock(desk, hours=1)
    frozen = desk.ok("views", "bank:app", code=1)
    assert frozen.count("frozen") == 3
    assert "session.catch_up()" in frozen


def test_a_parked_lane_is_a_fault_and_the_next_step_is_named(desk: Desk) -> None:
    desk.write(POISON)
    with desk.session() as (session, account):
        accounts = session.category(account)
        accounts.handle("ann", account.Open("Ann"))
        accounts.handle("ann", account.Deposit(13))
        session.catch_up()
    told = desk.ok("views", "bank:app", code=1)
    assert "balances: 1 lane parked: leftfold dead bank:app" in told
    desk.json("views", "bank:app", code=1)


def test_changed_code_is_told_in_the_status(bank: Desk) -> None:
    bank.write(HALVED[0])
    told = bank.ok("views", "bank:app")
    assert "raise its version, then leftfold views bank:app rebuild balances" in told


def test_a_rebuild_of_unchanged_code_differs_in_no_row(bank: Desk) -> None:
    told = bank.ok("views", "bank:app", "rebuild", "balances")
    assert "Built balances@1.1-" in told
    assert "up to position 5" in told
    assert "leftfold views bank:app diff balances" in told
    assert "0 rows differ between balances@1.0-" in bank.ok("views", "bank:app", "diff", "balances")
    (summary,) = bank.lines("views", "bank:app", "diff", "balances")
    assert (summary["differing"], summary["shown"]) == (0, 0)


def test_a_difference_names_the_events_that_explain_it(bank: Desk) -> None:
    bank.write(*HALVED)
    bank.ok("views", "bank:app", "rebuild", "balances")
    told = bank.ok("views", "bank:app", "diff", "balances", code=1)
    assert "ann\n    cents: 70 -> 20\n    made by account/ann@1, account/ann@2, account/ann@3\n" in told
    assert "2 rows differ" in told
    ann, bob, summary = bank.lines("views", "bank:app", "diff", "balances", code=1)
    assert (ann["key"], ann["fields"], ann["events"][-1]) == ("ann", {"cents": [70, 20]}, "account/ann@3")
    assert bob["fields"] == {"cents": [30, 15]}
    assert summary["differing"] == 2


def test_differences_over_the_limit_are_counted(bank: Desk) -> None:
    bank.write(*HALVED)
    bank.ok("views", "bank:app", "rebuild", "balances")
    told = bank.ok("views", "bank:app", "diff", "balances", "--limit", "1", code=1)
    assert "... and 1 more: --limit" in told
    assert "bob" not in told
    _, summary = bank.lines("views", "bank:app", "diff", "balances", "--limit", "1", code=1)
    assert (summary["differing"], summary["shown"]) == (2, 1)


def test_promote_and_rollback_switch_what_readers_see(bank: Desk) -> None:
    bank.write(*HALVED)
    old = roles(bank)["balances", "live"]
    before = bank.json("views", "bank:app", "digest")["balances"]
    new = bank.json("views", "bank:app", "rebuild", "balances")["candidate"]
    assert f"{new} serves now. {old} is kept up to date" in bank.ok("views", "bank:app", "promote", "balances")
    assert roles(bank)["balances", "live"] == new
    assert roles(bank)["balances", "previous"] == old
    assert bank.json("views", "bank:app", "digest")["balances"] != before
    back = bank.json("views", "bank:app", "rollback", "balances")
    assert back == {"view": "balances", "live": old, "candidate": new}
    assert bank.json("views", "bank:app", "digest")["balances"] == before


def test_equal_views_have_equal_digests(bank: Desk) -> None:
    first = bank.json("views", "bank:app", "digest")
    bank.ok("views", "bank:app", "rebuild", "balances")
    bank.ok("views", "bank:app", "promote", "balances")
    assert bank.json("views", "bank:app", "digest") == first
    assert first.keys() == {"balances", "owners"}
    assert bank.ok("views", "bank:app", "digest", "owners").split() == ["owners", first["owners"]]


def test_a_candidate_whose_version_left_the_code_is_built_anew(bank: Desk) -> None:
    bank.write(*HALVED)
    bank.ok("views", "bank:app", "rebuild", "balances")
    bank.write()
    bank.fill()
    with bank.session() as (session, account):
        session.category(account).handle("ann", account.Deposit(5))
    assert "no longer in the code" in bank.error("views", "bank:app", "promote", "balances", code=3)
    assert "balances@1.1-" in bank.ok("views", "bank:app", "rebuild", "balances")
    assert "0 rows differ" in bank.ok("views", "bank:app", "diff", "balances")


@pytest.mark.parametrize("action", ["diff", "promote"])
def test_without_a_candidate_the_next_step_is_a_rebuild(bank: Desk, action: str) -> None:
    assert "run `leftfold views bank:app rebuild balances` first" in bank.error(
        "views", "bank:app", action, "balances", code=3
    )


def test_without_a_previous_build_there_is_no_way_back(bank: Desk) -> None:
    assert "no previous build" in bank.error("views", "bank:app", "rollback", "balances", code=3)


@pytest.mark.parametrize("action", ["rebuild", "diff", "promote", "rollback"])
def test_a_view_must_be_named(bank: Desk, action: str) -> None:
    assert "needs a VIEW: balances, owners" in bank.error("views", "bank:app", action, code=2)
    assert "views: balances, owners" in bank.error("views", "bank:app", action, "nothing", code=3)


def test_an_unknown_action_is_wrong_use(bank: Desk) -> None:
    assert "promotee" in bank.error("views", "bank:app", "promotee", "balances", code=2)


def test_sql_views_are_rebuilt_compared_and_digested_too(bank: Desk) -> None:
    seen = (
        "def put(sql, event: Opened): sql.execute('INSERT INTO {{seen}} VALUES (?)', (event.owner{},))\n"
        "seen = SqlView('seen', schema='CREATE TABLE {{seen}} (x)', apply=put, version={})\napp = App("
    )
    rest = (
        ("import App, Recorded, Send, View", "import App, Recorded, Send, SqlView, View"),
        ("views=[balances, owners]", "views=[seen]"),
    )
    bank.write(("app = App(", seen.format("", 1)), *rest)
    with bank.session() as (session, _):
        session.catch_up()
    first = bank.json("views", "bank:app", "digest")
    bank.write(("app = App(", seen.format(".upper()", 2)), *rest)
    bank.ok("views", "bank:app", "rebuild", "seen")
    *rows, summary = bank.lines("views", "bank:app", "diff", "seen", code=1)
    assert {(row["key"], str(row["fields"]["row"])) for row in rows} == {
        ("seen", f"[{old}, {new}]")
        for old, new in [({"x": "Ann"}, None), ({"x": "Bob"}, None), (None, {"x": "ANN"}), (None, {"x": "BOB"})]
    }
    assert summary["differing"] == 4
    assert "made by" not in bank.ok("views", "bank:app", "diff", "seen", code=1)
    bank.ok("views", "bank:app", "promote", "seen")
    assert bank.json("views", "bank:app", "digest") != first
