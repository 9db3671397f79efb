"""`leftfold views APP rebuild VIEW --plan`: what it says, and that it builds nothing."""

from tests.cli.conftest import bank, desk
from tests.cli.desk import Desk
from tests.testbed.aws import Aws

__all__ = ["bank", "desk"]


def test_events_bytes_time_and_price_come_before_anything_is_built(bank: Desk) -> None:
    bank.ok("archive", "bank:app", "--to", "file:archive")
    before = bank.json("views", "bank:app", "status")
    said = bank.ok("views", "bank:app", "rebuild", "owners", "--plan", "--from", "file:archive", "--processes", "3")
    first, head, log, processes, why, *commands = said.splitlines()
    assert first == "owners: 5 events in 1 segment, 2 of its types, about 2 rows. Nothing was built."
    assert head.split() == ["events", "reads", "writes", "rows", "time", "price"]
    assert log.split()[:4] == ["from", "the", "log", "5"]
    assert log.split()[-1] == "none"
    assert processes.split()[:5] == ["by", "3", "processes", "here", "5"]
    assert why == "Guessed from 5 events, folded on this machine."
    assert [command.split("  #")[0].strip() for command in commands] == [
        "leftfold views bank:app rebuild owners",
        "leftfold replay bank:app owners --from file:archive --processes 3",
    ]
    after = bank.json("views", "bank:app", "status")
    assert [one["subscriber"] for one in after] == [one["subscriber"] for one in before]


def test_without_an_archive_there_is_one_way(bank: Desk) -> None:
    said = bank.ok("views", "bank:app", "rebuild", "balances", "--plan")
    assert "from the log" in said
    assert "processes here" not in said


def test_programs_get_json(bank: Desk) -> None:
    bank.ok("archive", "bank:app", "--to", "file:archive")
    told = bank.json("views", "bank:app", "rebuild", "balances", "--plan", "--from", "file:archive")
    assert (told["view"], told["store"], told["prices"]) == ("balances", "sqlite", [])
    assert told["survey"]["events"] == 5
    assert [way["form"] for way in told["ways"]] == ["log", "processes"]
    assert all(way["time_s"] > 0 and way["total_usd"] is None for way in told["ways"])


def test_on_dynamodb_it_says_the_price_and_whose(desk: Desk, aws: Aws) -> None:
    url = aws.url("bank")
    desk.fill(url=url)
    desk.ok("archive", "bank:app", "--to", "file:archive", "--store", url)
    asked = ("views", "bank:app", "rebuild", "balances", "--plan", "--from", "file:archive", "--store", url)
    said = desk.ok(*asked)
    assert "by a state machine, 1 part" in said
    assert said.count("$0.0") == 3
    assert "under $0.0001" in said
    assert "Prices: us-east-1, of 2026-11-23 (--prices FILE for yours)." in said
    assert "leftfold views bank:app rebuild balances --on states:ARN --parts 1 --store" in said
    told = desk.json(*asked)
    assert {price["name"] for price in told["prices"]} == {name for way in told["ways"] for name in way["usd"]}
    assert all(price["source"].startswith("https://") and price["on"] for price in told["prices"])
    ours = "prices:\n  states.transition: {usd: 0.5, per: 1, on: 2026-11-22, source: our contract}\n"
    (desk.folder / "mine.yaml").write_text(ours)
    mine = desk.json(*asked, "--prices", "mine.yaml")
    assert mine["ways"][2]["usd"]["states.transition"] == 7.0
    assert "Prices: mine.yaml, us-east-1, of 2026-11-22." in desk.ok(*asked, "--prices", "mine.yaml")
    (desk.folder / "tomorrow.yaml").write_text(ours.replace("2026-11-22", "2999-01-01").replace("usd: 0.5,", ""))
    assert [
        line.split("; ")[0] for line in desk.error(*asked, "--prices", "tomorrow.yaml", code=3).splitlines()[:2]
    ] == [
        "ConfigError: tomorrow.yaml:2: states.transition: without `usd`",
        "tomorrow.yaml:2: states.transition.on: 2999-01-01 is yet to come",
    ]


def test_what_does_not_go_together_is_said(bank: Desk) -> None:
    def refused(*args: str, code: int = 2) -> str:
        return bank.error("views", "bank:app", *args, code=code)

    assert "--plan is for rebuild, not for diff" in refused("diff", "balances", "--plan")
    for given in (("--from", "file:archive"), ("--processes", "2"), ("--prices", "p.yaml")):
        assert "go with --plan: `leftfold replay` builds from an archive" in refused("rebuild", "balances", *given)
    assert "--prices nowhere.yaml: No such file" in refused(
        "rebuild", "balances", "--plan", "--prices", "nowhere.yaml", code=3
    )
    assert "names no object store" in refused("rebuild", "balances", "--plan", "--from", "ftp:x", code=3)


def test_an_archive_that_is_not_the_stores_is_refused(bank: Desk) -> None:
    asked = ("views", "bank:app", "rebuild", "owners", "--plan", "--from", "file:archive")
    assert "there are no segments in this archive" in bank.error(*asked, code=3)
    bank.fill(url="sqlite:other.db")
    bank.ok("archive", "bank:app", "--to", "file:archive", "--store", "sqlite:other.db")
    assert "it isn't its own" in bank.error(*asked, code=3)
