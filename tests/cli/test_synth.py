"""`leftfold synth`: files that are written, compared, and told of."""

import json
from pathlib import Path

from tests.cli.desk import Desk

STACKS = ["bank-prod-stateful.template.json", "bank-prod-stateless.template.json"]


def test_two_templates_are_written_and_told_of(desk: Desk) -> None:
    told = desk.ok("synth", "bank:app", "--out", "infra")
    assert sorted(path.name for path in Path("infra").iterdir()) == STACKS
    for name in STACKS:
        assert f"infra/{name}" in told
        assert json.loads(Path("infra", name).read_text())["Resources"]
    assert "leftfold bundle bank:app " in told


def test_the_next_steps_are_for_the_same_settings(desk: Desk) -> None:
    Path("our prod.json").write_text("{}")
    told = desk.ok("synth", "bank:app", "--out", "infra", "--config", "our prod.json", "--env", "dev")
    assert "leftfold bundle bank:app --config 'our prod.json' " in told
    assert "leftfold deploy bank:app --config 'our prod.json' --env dev --bucket BUCKET" in told


def test_a_folder_that_says_the_same_passes_the_check_and_one_that_does_not_is_shown(desk: Desk) -> None:
    desk.ok("synth", "bank:app", "--out", "infra")
    before = {path.name: path.read_text() for path in Path("infra").iterdir()}
    assert "the same" in desk.ok("synth", "bank:app", "--out", "infra", "--check")
    path = Path("infra", STACKS[0])
    path.write_text(path.read_text().replace("PAY_PER_REQUEST", "PROVISIONED"))
    told = desk.ok("synth", "bank:app", "--out", "infra", "--check", code=1)
    assert '-      "BillingMode": "PROVISIONED"' in told.replace("        ", "      ")
    assert "the same" in told  # the other one
    assert path.read_text() != before[STACKS[0]]  # nothing was written


def test_what_is_not_there_yet_differs(desk: Desk) -> None:
    told = desk.json("synth", "bank:app", "--out", "infra", "--check", code=1)
    assert [one["changed"] for one in told["files"]] == [True, True]
    assert told["written"] is False
    assert not Path("infra").exists()
    said = desk.ok("synth", "bank:app", "--out", "infra", "--check", code=1)
    assert said.count("bytes, not there") == len(said.splitlines()) == 2


def test_a_long_difference_is_cut(desk: Desk) -> None:
    desk.ok("synth", "bank:app", "--out", "infra")
    for file in Path("infra").iterdir():
        file.write_text("{}")
    told = desk.ok("synth", "bank:app", "--out", "infra", "--check", code=1)
    assert "lines more" in told
    assert len(told.splitlines()) < 100


def test_environments_lie_side_by_side(desk: Desk) -> None:
    desk.ok("synth", "bank:app", "--out", "infra")
    desk.ok("synth", "bank:app", "--out", "infra", "--env", "staging")
    assert len(list(Path("infra").iterdir())) == 4


def test_settings_come_from_a_file_and_the_environment_from_the_line(desk: Desk) -> None:
    (desk.folder / "prod.toml").write_text('env = "prod"\ntenants = ["acme"]\n')
    told = desk.json("synth", "bank:app", "--out", "infra", "--config", "prod.toml", "--env", "staging")
    assert (told["app"], told["env"], told["findings"]) == ("bank", "staging", [])
    assert told["functions"][:3] == ["commands", "queries", "sequencer"]
    assert "acme|*" in Path("infra/bank-staging-stateless.template.json").read_text()


def test_wrappers_and_the_drawing_come_when_asked_for(desk: Desk) -> None:
    desk.ok("synth", "bank:app", "--out", "infra", "--terraform", "--cdk", "--diagram")
    names = {path.name for path in Path("infra").iterdir()}
    assert names == {*STACKS, "main.tf.json", "app.py", "bank-prod.mmd"}


def test_overrides_that_take_away_what_a_deployment_must_have_are_found(desk: Desk) -> None:
    overrides = {"overrides": {"EventsTable": {"DeletionPolicy": "Delete"}}}
    (desk.folder / "prod.json").write_text(json.dumps(overrides))
    told = desk.json("synth", "bank:app", "--out", "infra", "--config", "prod.json", code=1)
    (found,) = told["findings"]
    assert (found["stack"], found["place"]) == ("stateful", "EventsTable")
    assert "DeletionPolicy" in found["what"]
    assert told["written"] is True


def test_what_is_wrong_in_the_settings_is_said_with_file_and_place(desk: Desk) -> None:
    (desk.folder / "prod.toml").write_text("envv = 1\n")
    told = desk.error("synth", "bank:app", "--out", "infra", "--config", "prod.toml", code=3)
    assert "prod.toml: envv is no setting; did you mean 'env'?" in told
    assert "--env: env: 'X': lower-case letters" in desk.error(
        "synth", "bank:app", "--out", "infra", "--env", "X", code=3
    )
    assert "none.toml" in desk.error("synth", "bank:app", "--out", "infra", "--config", "none.toml", code=3)
    assert not Path("infra").exists()


def test_a_folder_that_can_not_be_written_is_said(desk: Desk) -> None:
    Path("infra").write_text("a file")
    assert "--out infra/bank-prod-stateful.template.json: Not a directory." in desk.error(
        "synth", "bank:app", "--out", "infra", code=3
    )
    assert "--config no.toml: No such file or directory." in desk.error(
        "synth", "bank:app", "--out", "x", "--config", "no.toml", code=3
    )
    assert desk.error("synth", "bank:app", code=2)
