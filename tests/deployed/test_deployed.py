"""The bank and the shop, deployed on the stand-in from their own templates and bundles, as their callers find them.

All of it is made by CloudFormation, with IAM switched on; commits and pages wake functions by the stand-in's own event
source mappings, state machines and queues; schedules are called once, as their targets say.
"""

from collections.abc import Callable

from tests.deployed.calls import calls
from tests.deployed.patches import ALL
from tests.deployed.proof import Proof

Figure = Callable[[str, object], None]


def test_the_stand_in_takes_the_generated_stacks_with_few_patches(proof: Proof, record_property: Figure) -> None:
    assert proof.patches.keys() == {patch.what for patch in ALL}
    for patch in ALL:
        assert proof.patches[patch.what] > 0, f"nothing needs {patch.what!r} any more"
        record_property("figure", f"stand-in, patched in {proof.patches[patch.what]} places: {patch}")
    errors = sorted(str(call) for call in calls(proof.seen) if call.status == 403)
    assert errors == [], "the stand-in's own IAM refused these"
    functions = {exchange.function for exchange in proof.seen}
    record_property(
        "figure",
        f"deployed: 2 apps, {len(proof.roles)} functions, of which {len(functions)} made {len(proof.seen):,} AWS calls,"
        f" in {proof.seconds:.0f} s",
    )


def test_commands_are_taken_once_and_refused_as_the_domain_says(proof: Proof) -> None:
    bank = proof.facts["bank"]
    assert bank["again"].status == 200
    assert (bank["again"].body["repeated"], bank["again"].body["version"]) == (True, 2)
    assert (bank["refused"].status, bank["refused"].body["detail"]) == (422, "insufficient funds")
    assert bank["health"] == [200, 200]


def test_a_receipt_reads_its_own_write(proof: Proof) -> None:
    assert proof.facts["bank"]["ann"].body == {
        "key": "ann", "row": 70_00, "exists": True, "stale": False, "behind": 0, "blocked_by": None,
    }  # fmt: skip
    assert proof.facts["shop"]["o-1"] in ("placed", "confirmed")


def test_a_reaction_moves_the_money(proof: Proof) -> None:
    bank = proof.facts["bank"]
    assert bank["ben"].body["row"] == 30_00
    assert [one["type"] for one in bank["stream"].body["events"]] == ["Opened", "Deposited"]
    assert bank["stream"].body["events"][1]["meta"]["actor"] == "reaction:credit"
    assert bank["refused at the far end"] == ["Deposit: Refused: no such account"]


def test_rows_are_found_by_their_index(proof: Proof) -> None:
    assert proof.facts["bank"]["found"].body["rows"] == [{"key": "ben", "row": 30_00}]


def test_bodies_that_no_item_takes_are_read_from_their_bucket(proof: Proof) -> None:
    events = proof.facts["archive"]["stream"].body["events"]
    assert [len(one["data"]["owner"]) for one in events] == [200_000] * 4


def test_the_log_is_archived_under_a_lock(proof: Proof) -> None:
    archive = proof.facts["archive"]
    assert archive["schedules"]["archiver"]["segments"] == 1
    assert archive["schedules"]["archiver"]["left"] == archive["cold archiver"]["events"] == 0
    locked = [
        call
        for call in calls(proof.seen)
        if call.operation == "PutObject" and call.function == "prod-bank-archiver" and call.parameters["Lock"]
    ]
    assert all(call.status == 200 for call in locked)
    assert any("segments" in call.parameters["Key"] for call in locked)


def test_a_view_is_rebuilt_from_the_archive_by_its_state_machine(proof: Proof) -> None:
    archive = proof.facts["archive"]
    assert archive["replay"]["status"] == "SUCCEEDED"
    assert archive["replayed"].body["row"] == 69_00


def test_a_checkout_that_succeeds_leaves_an_order_to_pick(proof: Proof) -> None:
    runs = proof.facts["runs"]
    assert proof.facts["shop"]["o-1 ended"] == "confirmed"
    done = ("accept", "size", "reserve", "charge", "book", "pick", "confirm")
    assert runs["o-1"] == {"status": "done", "done": done, "undone": ()}


def test_a_checkout_that_is_refused_is_undone(proof: Proof) -> None:
    """By the carrier, while the warehouse picks beside; and by the payment."""
    runs = proof.facts["runs"]
    assert proof.facts["shop"]["o-2 ended"] == "rejected"
    assert runs["o-2"]["status"] == "compensated"
    assert runs["o-2"]["undone"] == ("accept", "reserve", "charge", "pick")
    assert runs["o-3 ended"] == "rejected"
    assert (runs["o-3"]["status"], runs["o-3"]["undone"]) == ("compensated", ("accept", "reserve"))
    assert runs["owed"] == {"o-1": 400_00, "o-4": 1_200_00}


def test_a_checkout_that_waits_for_somebody_is_resumed(proof: Proof) -> None:
    runs = proof.facts["runs"]
    assert runs["o-3 waits for"] == runs["o-4 waits for"] == ("approval",)
    assert (runs["o-4 ended"], runs["o-4"]["status"]) == ("confirmed", "done")
    assert runs["executions"] == ["SUCCEEDED"] * 4


def test_a_timer_rings(proof: Proof) -> None:
    """One that was due long ago, through the queue; one of the future is refused, and set again."""
    assert proof.facts["reminder"][:3] == ["Agreed", "Charged", "Reminded"]
    asked = [call for call in calls(proof.seen) if call.operation == "SendMessage"]
    assert any(call.function == "prod-orders-reactor" for call in asked)
    assert proof.facts["runs"]["early"] == {"heard": "early"}


def test_schedules_find_nothing_left_to_do(proof: Proof) -> None:
    for told in (proof.facts["archive"]["schedules"], proof.facts["runs"]["schedules"]):
        assert [one["behind"] for one in told.values() if "behind" in one] == [[], [], []]
