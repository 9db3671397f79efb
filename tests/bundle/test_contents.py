"""What is in a bundle: the app's own files, the handlers of its functions, what those reach of ours, and nothing else."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path

import pytest

from leftfold import ConfigError
from leftfold.cloud.bundle import Bundle
from leftfold.cloud.bundle.ours import adapters_of, our_files
from leftfold.cloud.bundle.target import BUDGET_BYTES
from leftfold.cloud.graph import Channel
from leftfold.cloud.settings import OfFunction
from leftfold.cloud.synthesis import graph_of
from tests.bundle import apps
from tests.shape import ROOT, SRC
from tests.shape.imports import imports_of

PACKAGE = {
    "shop/__init__.py": "",
    "shop/app.py": "import beside\nfrom leftfold import App\nfrom shop import domain, prices\napp = App('shop')\n",
    "shop/domain.py": "import sys\nsys.path  # noqa\nfrom shared import *\nfrom domain import *\n",
    "shop/prices.json": "{}",
    "shop/prices.py": "",
    "shop/later.py": "",
    "shop/test_app.py": "raise SystemExit",
    "shop/tests/test_more.py": "raise SystemExit",
    "shop/.env": "SECRET=1",
    "shop/stubs.pyi": "",
    "beside.py": "",
    "not_imported.py": "",
    "shared.py": "",
    "assets/logo.txt": "",
}


def own(bundle: Bundle) -> set[str]:
    """The names that are neither ours, nor msgspec's, nor generated, nor bytecode."""
    return {
        name
        for name in apps.names(bundle)
        if not name.startswith(("leftfold", "msgspec")) and not name.endswith(".pyc")
    }


def package(folder: Path) -> Path:
    apps.wide(folder)
    return apps.written(folder, PACKAGE)


def test_of_modules_beside_each_other_those_that_are_imported_are_in(bundle: Bundle, app_folder: Path) -> None:
    assert own(bundle) == {"wide.py", "domain.py"}


def test_of_a_package_all_is_in_but_its_tests(tmp_path: Path) -> None:
    bundle = apps.bundled(package(tmp_path), "shop.app:app")
    inside = {"__init__.py", "app.py", "domain.py", "prices.json", "prices.py", "later.py"}
    assert own(bundle) == {f"shop/{name}" for name in inside} | {"beside.py", "shared.py", "domain.py"}


def test_of_a_folder_that_is_no_package_what_is_imported_is_in(tmp_path: Path) -> None:
    apps.wide(tmp_path / "src")
    apps.written(tmp_path, {"src/shop/app.py": apps.WIDE, "src/shop/other.py": ""})
    bundle = apps.bundled(tmp_path / "src", "shop.app:app")
    assert own(bundle) == {"shop/app.py", "domain.py"}


def test_of_an_installed_app_its_own_package_is_in_and_what_lies_beside_it_is_not(tmp_path: Path) -> None:
    app = "import other\nfrom leftfold import App\nfrom shop import domain\napp = App('wide')\n"
    files = {"shop/__init__.py": "", "shop/app.py": app, "other.py": ""}
    there = apps.written(tmp_path / "lib" / "site-packages", files)
    apps.wide(there / "shop")
    with pytest.raises(ConfigError, match="imports other from outside"):
        apps.bundled(there, "shop.app:app")
    assert "shop/domain.py" in own(apps.bundled(there, "shop.app:app", include=[Path("other.py")]))


def test_include_adds_files_and_folders_each_in_its_place(tmp_path: Path) -> None:
    folder = package(tmp_path / "app")
    apps.written(tmp_path, {"lib/tools/__init__.py": "", "lib/tools/tests/test_it.py": ""})
    bundle = apps.bundled(
        folder,
        "wide:app",
        include=[Path("not_imported.py"), Path("assets"), Path("../lib/tools"), tmp_path / "app/shop"],
    )
    assert own(bundle) >= {"not_imported.py", "assets/logo.txt", "tools/__init__.py", "shop/later.py"}
    assert not {name for name in own(bundle) if "test" in name}


def test_a_file_that_is_no_python_goes_in_as_it_is_and_is_told(tmp_path: Path) -> None:
    folder = apps.wide(tmp_path)
    files = {"shop/__init__.py": "", "shop/old.py": "print 'hello'\n", "shop/page.tmpl.py": "x = 1\n"}
    apps.written(folder, files)
    bundle = apps.bundled(folder, include=[Path("shop")])
    assert bundle.warnings == (f"shop/old.py is no Python {apps.HERE.python}: it went in as it is.",)
    assert own(bundle) == {"wide.py", "domain.py", *files}
    compiled = {name.split(".cpython")[0] for name in apps.names(bundle) if name.startswith("shop/__pycache__")}
    assert compiled == {"shop/__pycache__/__init__", "shop/__pycache__/page.tmpl"}


def test_each_function_has_its_handler_and_no_other(bundle: Bundle) -> None:
    functions = {function.name for function in apps.graph_for().functions}
    generated = {name for name in apps.names(bundle) if name.startswith("leftfold_")}
    assert generated == {f"leftfold_{name}.py" for name in functions}
    text = apps.contents(bundle)["leftfold_commands.py"].decode()
    assert "handler = commands(app)" in text


def test_a_handler_of_the_users_own_comes_with_what_it_imports(tmp_path: Path) -> None:
    folder = apps.wide(tmp_path)
    apps.written(
        folder,
        {
            "handlers.py": "import wires\nfrom leftfold.lambdas import commands\nimport wide\nmine = commands(wide.app)\n",
            "wires.py": "",
        },
    )
    graph = apps.graph_for(functions={"commands": OfFunction(handler="handlers.mine")})
    bundle = apps.bundled(folder, graph=graph)
    assert own(bundle) == {"wide.py", "domain.py", "handlers.py", "wires.py"}
    assert "leftfold_commands.py" not in apps.names(bundle)
    assert "leftfold/lambdas/commands.pyc" in apps.names(bundle)


def test_of_ours_tools_tests_and_unused_adapters_are_left_out(bundle: Bundle) -> None:
    rooms = {name.split("/")[1].split(".")[0] for name in apps.names(bundle) if name.startswith("leftfold/")}
    assert not rooms & {"cli", "cloud", "testing", "check", "aio"}
    assert adapters(bundle) == {"__init__", "boto", "dynamodb", "s3", "memory"}
    assert not [
        name for name in apps.names(bundle) if name.endswith((".pyi", "py.typed", ".sql")) or "dist-info/REC" in name
    ]


def adapters(bundle: Bundle) -> set[str]:
    return {name.split("/")[2].split(".")[0] for name in apps.names(bundle) if name.startswith("leftfold/adapters/")}


def test_an_adapter_comes_with_what_needs_it() -> None:
    graph = apps.graph_for()
    assert adapters_of(graph) == {"boto", "dynamodb", "s3"}
    to_bus = (Channel("eventbridge", "bus", True),)
    published = type(graph)(graph.model, graph.settings, graph.functions, to_bus, graph.edges)
    assert adapters_of(published) - adapters_of(graph) == {"eventbridge"}
    running = type(graph)({**graph.model, "processes": [{}]}, graph.settings, graph.functions, (), graph.edges)
    assert adapters_of(running) - adapters_of(graph) == {"alarms"}
    machines = type(graph)({**graph.model, "workflows": [{}]}, graph.settings, graph.functions, (), graph.edges)
    assert adapters_of(machines) - adapters_of(graph) == {"alarms", "stepfunctions"}


def test_an_adapter_that_the_app_imports_is_in(tmp_path: Path) -> None:
    folder = apps.wide(tmp_path)
    (folder / "wide.py").write_text("from leftfold.adapters.folder import Folder\n" + apps.WIDE)
    assert "folder" in adapters(apps.bundled(folder, bytecode="none"))


def test_metadata_is_what_a_function_can_read_of_it(bundle: Bundle, task: Path) -> None:
    info = {name.split("/")[1] for name in apps.names(bundle) if ".dist-info/" in name}
    assert info == {"METADATA"}
    told = "from importlib.metadata import version\nimport msgspec, sys\nprint(version('msgspec'), msgspec.__file__)"
    version, file = apps.python(task, told).split()
    assert version == __import__("msgspec").__version__
    assert Path(file).is_relative_to(task)


def dangling(sources: dict[str, bytes]) -> set[str]:
    """What the sources of a bundle import of ours, and isn't there."""
    there = {name.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for name in sources}
    found: set[str] = set()
    for name, text in sources.items():
        module = name.removesuffix(".py").replace("/", ".")
        for one in imports_of(
            without_types(text.decode()), module.removesuffix(".__init__"), package="__init__" in module
        ):
            parts = one.module.split(".")
            if (
                parts[0] == "leftfold"
                and not {".".join(parts[:depth]) for depth in (len(parts), len(parts) - 1)} & there
            ):
                found.add(one.module)
    return found


def without_types(source: str) -> str:
    """A source without what it imports for type checkers alone."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            node.body = [ast.Pass()]
    return ast.unparse(tree)


EXAMPLES = {
    "bank": "bank:bank",
    "sensors": "sensors:sensors",
    "enrolment": "college:college",
    "orders": "orders:orders",
}


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_bundle_of_each_example_is_whole_and_within_its_budget(
    example: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    folder = ROOT / "examples" / example
    module, _, attribute = EXAMPLES[example].partition(":")
    graph = graph_of(apps.app_of(folder, module, attribute), apps.graph_for().settings)
    bundle = apps.bundled(folder, EXAMPLES[example], graph=graph)
    assert bundle.warnings == ()
    assert bundle.our_bytes <= BUDGET_BYTES
    record_property(
        "figure",
        f"bundle of {example}: {bundle.zip_bytes:,} bytes zipped, {bundle.our_bytes:,} of them leftfold and msgspec "
        f"(budget {BUDGET_BYTES:,}); {bundle.unpacked_bytes:,} unpacked",
    )
    assert {name for name in dangling(sources_of(bundle)) if not name.startswith(UNREACHED)} == set()
    task = apps.unpacked(bundle, tmp_path / "task")
    modules = sorted(
        name[:-4].replace("/", ".") for name in apps.names(bundle) if name.startswith("leftfold/") and ".pyc" in name
    )
    handlers = [name.removesuffix(".py") for name in apps.names(bundle) if name.startswith("leftfold_")]
    loaded = apps.python(task, IMPORT_ALL, *(one.removesuffix(".__init__") for one in modules), *handlers)
    assert loaded.split() == ["all", "here"]


def sources_of(bundle: Bundle) -> dict[str, bytes]:
    """The app's files, and of ours those that the bytecode was made of."""
    files = apps.contents(bundle)
    ours = {name[:-1] for name in files if name.startswith("leftfold/") and name.endswith(".pyc")}
    users = {name: text for name, text in files.items() if name.endswith(".py")}
    return users | {name: (SRC / name).read_bytes() for name in ours}


UNREACHED = ("leftfold.adapters.", "leftfold.inbox", "leftfold.testing", "leftfold.lambdas.inbound")
IMPORT_ALL = """
import importlib, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
ours = [module for name, module in sys.modules.items() if name.split(".")[0] in ("leftfold", "msgspec")]
files = [module.__file__ for module in ours if getattr(module, "__file__", None)]
away = [file for file in files if not file.startswith(sys.path[1])]
print("all", "here" if not away else away)
"""


def test_a_module_that_a_function_imports_late_is_reached() -> None:
    late = b"def handler(event, context):\n    from leftfold.copying import copy\n"
    assert "leftfold/copying.py" not in our_files({"a.py": b""}, [])
    assert "leftfold/copying.py" in our_files({"a.py": late}, [])


def test_what_is_imported_for_types_alone_is_not_reached() -> None:
    typed = b"from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from leftfold.copying import copy\n"
    assert "leftfold/copying.py" not in our_files({"a.py": typed}, [])


def test_a_bundle_that_lost_a_module_is_caught() -> None:
    assert dangling({"leftfold/a.py": b"from leftfold.b import c", "leftfold/__init__.py": b""}) == {"leftfold.b.c"}
