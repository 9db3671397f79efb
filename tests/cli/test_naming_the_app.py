"""APP is module:attribute. What it may name, and what is said when it names something else."""

import pytest

from tests.cli.desk import Desk


def test_an_app_is_found_in_the_current_folder(bank: Desk) -> None:
    assert "account/ann@1" in bank.ok("log", "bank:app")


def test_an_app_may_be_an_attribute_of_an_attribute(bank: Desk) -> None:
    (bank.folder / "things.py").write_text("import bank\nclass shelf: app = bank.app\n")
    assert "account/ann@1" in bank.ok("log", "things:shelf.app")


@pytest.mark.parametrize(
    "name", ["bank", "bank:", ":app", "bank.py:app", "../bank:app", "bank:app:app", "", "ba nk:a-p"]
)
def test_another_form_is_wrong_use(desk: Desk, name: str) -> None:
    assert "module:attribute" in desk.error("log", name, code=2)


def test_a_missing_module_is_named_with_the_folder(desk: Desk) -> None:
    error = desk.error("log", "nowhere:app", code=3)
    assert "no module 'nowhere'" in error
    assert str(desk.folder) in error


def test_a_missing_module_inside_the_users_module_is_not_blamed_on_the_user_of_the_command(desk: Desk) -> None:
    (desk.folder / "broken.py").write_text("import nowhere_at_all\n")
    error = desk.error("log", "broken:app", code=3)
    assert "broken can't be imported" in error
    assert "nowhere_at_all" in error


def test_a_missing_attribute_brings_the_apps_that_there_are(desk: Desk) -> None:
    assert "its apps: app" in desk.error("log", "bank:ap", code=3)


def test_a_module_without_an_app_says_so(desk: Desk) -> None:
    assert "no other app" in desk.error("log", "account:app", code=3)


def test_what_is_no_app_is_refused(desk: Desk) -> None:
    assert "View, not an App" in desk.error("log", "bank:balances", code=3)


def test_an_exception_in_the_users_module_is_said_with_its_line(desk: Desk) -> None:
    (desk.folder / "broken.py").write_text("x = 1\ny = x / 0\n")
    assert "broken.py line 2: ZeroDivisionError" in desk.error("log", "broken:app", code=3)


def test_a_syntax_error_in_the_users_module_is_said_with_its_line(desk: Desk) -> None:
    (desk.folder / "broken.py").write_text("x = 1\ndef\n")
    error = desk.error("log", "broken:app", code=3)
    assert "SyntaxError" in error
    assert "line 2" in error


def test_an_app_that_cant_work_says_what_to_write(bank: Desk) -> None:
    bank.write(("def count(total: int, event: Opened)", "def count(total: int, event)"))
    assert "annotate" in bank.error("views", "bank:app", code=3)
