"""ARCHITECTURE.md draws the rooms that are there, each on its floor; links between the documents lead somewhere."""

import re
from pathlib import Path

from tests.shape import PACKAGE, ROOT
from tests.shape.test_floors import FLOORS

DRAWING = re.compile(r"^src/leftfold/\n(.*?)^```", re.DOTALL | re.MULTILINE)
ROOM = re.compile(r"^(\d| ) (\w+)(?:/|\.py)", re.MULTILINE)
LINK = re.compile(r"\]\(([^)\s#]+\.md|[^)\s#]*LICENSE)?(#[\w-]+)?\)")


def drawn(text: str) -> dict[str, int]:
    """Each room of the drawing with its floor; a line without a number stands on the floor above it."""
    found: dict[str, int] = {}
    floor = -1
    (drawing,) = DRAWING.findall(text)
    for number, name in ROOM.findall(drawing):
        floor = int(number) if number.strip() else floor
        if floor >= 0:  # the front door stands before them all
            found[name] = floor
    return found


def standing() -> dict[str, int]:
    names = [path.stem for path in PACKAGE.glob("*.py") if path.stem != "__init__"]
    names += [path.parent.name for path in PACKAGE.glob("*/__init__.py")]
    return {name: next(number for number, rooms in enumerate(FLOORS) if name in rooms) for name in names}


def anchors(text: str) -> set[str]:
    """Headings as their anchors: lower case, words joined by hyphens."""
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")
        for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    }


def broken_links(page: Path) -> list[str]:
    broken: list[str] = []
    for path, anchor in LINK.findall(page.read_text()):
        target = page.parent / path if path else page
        if not target.exists() or (anchor and anchor[1:] not in anchors(target.read_text())):
            broken.append(f"{page.relative_to(page.anchor)}: {path}{anchor}")
    return broken


def test_the_drawing_shows_every_room_on_its_floor_and_no_other() -> None:
    assert drawn((ROOT / "ARCHITECTURE.md").read_text()) == standing()


def test_a_room_that_is_not_there_is_caught() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text()
    assert drawn(text.replace("7 connect.py", "7 http/\n  connect.py")) != standing()
    assert drawn(text.replace("1 ports/", "2 ports/")) != standing()
    assert drawn(text.replace("\n  loops.py", "\n  ")) != standing()


def test_links_between_the_documents_lead_somewhere() -> None:
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    broken = [link for page in pages for link in broken_links(page)]
    assert not broken, "\n" + "\n".join(broken)


def test_a_broken_link_is_caught(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# A page\n[here](#a-page) [there](other.md) [nowhere](#a-heading)\n")
    assert [link.rpartition(" ")[2] for link in broken_links(page)] == ["other.md", "#a-heading"]
