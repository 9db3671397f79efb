"""What can't become a working bundle is refused, with the name of what is wrong and the next step."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec import structs

from leftfold import ConfigError, TooLarge
from leftfold.cloud.bundle import Target, building
from leftfold.cloud.bundle.target import RUNTIMES
from leftfold.cloud.bundle.zipping import refuse_foreign_code
from leftfold.cloud.graph import Channel
from tests.bundle import apps

OTHER = "3.13" if apps.HERE.python != "3.13" else "3.12"  # a Python that this one isn't
CORE = f"_core.cpython-{OTHER.replace('.', '')}-aarch64-linux-gnu.so"
TAG = "cp" + OTHER.replace(".", "")
X86, ARM = Target("3.13", "x86_64"), Target("3.13", "arm64")


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only index that pip knows; it has msgspec for arm64 and another Python, and nothing else."""
    folder = tmp_path / "wheels"
    version = __import__("msgspec").__version__
    native = {"msgspec/__init__.py": b"", f"msgspec/{CORE}": apps.elf(0xB7)}
    apps.wheel(folder, "msgspec", version, f"{TAG}-{TAG}-manylinux2014_aarch64", native)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    return folder


def test_a_module_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere can't be imported from .*No module named 'nowhere'"):
        apps.bundled(tmp_path, "nowhere:app")


def test_an_included_path_that_is_not_there_is_named(app_folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"--include lost\.txt: there is no such file"):
        apps.bundled(app_folder, include=[Path("lost.txt")])


def test_a_package_from_elsewhere_must_be_named(tmp_path: Path) -> None:
    folder = apps.wide(tmp_path)
    (folder / "wide.py").write_text("import click\n" + apps.WIDE)
    with pytest.raises(ConfigError, match="imports click from outside its folder: name its package"):
        apps.bundled(folder)


def test_what_lambda_brings_along_need_not_be_named(tmp_path: Path) -> None:
    folder = apps.wide(tmp_path)
    (folder / "wide.py").write_text("import botocore.exceptions\n" + apps.WIDE)
    assert not [name for name in apps.names(apps.bundled(folder, bytecode="none")) if "botocore" in name]


def test_an_app_that_imports_the_test_kit_is_refused(tmp_path: Path) -> None:
    folder = apps.wide(tmp_path)
    (folder / "wide.py").write_text("import leftfold.testing.clock\n" + apps.WIDE)
    with pytest.raises(ConfigError, match=r"imports leftfold\.testing, which no function needs"):
        apps.bundled(folder)


def test_a_package_without_a_wheel_for_the_target_is_named(app_folder: Path, wheels: Path) -> None:
    with pytest.raises(
        ConfigError, match=rf"no wheels for python{OTHER} on x86_64: No matching distribution found for msgspec"
    ):
        apps.bundled(app_folder, graph=apps.graph_for(OTHER, "x86_64"))


def test_the_wheel_of_another_processor_goes_in_as_it_is(app_folder: Path, wheels: Path) -> None:
    bundle = apps.bundled(app_folder, graph=apps.graph_for(OTHER, "arm64"), bytecode="none")
    assert f"msgspec/{CORE}" in apps.names(bundle)
    assert bundle.target.runtime == f"python{OTHER}"


def test_requirements_and_a_pinned_boto3_go_in_as_wheels(tmp_path: Path, wheels: Path) -> None:
    folder = apps.wide(tmp_path / "app")
    (folder / "wide.py").write_text("import click\n" + apps.WIDE)
    apps.wheel(
        wheels, "click", "99.0", "py3-none-any", {"click/__init__.py": b"", "click/x.pyi": b""}, needs=["colour>=1"]
    )
    apps.wheel(
        wheels, "colour", "1.2", "py3-none-any", {"colour.py": b"", "colour-1.2.data/scripts/paint": b"#!python"}
    )
    apps.wheel(wheels, "boto3", "1.44.5", "py3-none-any", {"boto3/__init__.py": b""})
    listed = tmp_path / "requirements.txt"
    listed.write_text("click\n")
    arm = apps.graph_for(OTHER, "arm64")
    bundle = apps.bundled(folder, graph=arm, bytecode="none", requirements=listed, boto3="1.44.5")
    packages = {name for name in apps.names(bundle) if name.startswith(("click", "colour", "boto3", "bin"))}
    files = {"click/__init__.py", "colour.py", "boto3/__init__.py"}
    assert packages == files | {f"{one}.dist-info/METADATA" for one in ("click-99.0", "colour-1.2", "boto3-1.44.5")}
    assert "packages" in {part.name for part in bundle.parts}


def test_requirements_that_are_not_there_are_told(app_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no such file"):
        apps.bundled(app_folder, requirements=tmp_path / "none.txt")


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("fast.cpython-313-aarch64-linux-gnu.so", apps.elf(0xB7), "native code for arm64"),
        ("fast.cpython-311-x86_64-linux-gnu.so", apps.elf(0x3E), r"native code for CPython 3\.11"),
        ("fast.so", apps.elf(0x28), r"native code for another processor \(0x28\)"),
        ("fast.cpython-313-darwin.so", b"\xcf\xfa\xed\xfe" + bytes(60), "native code for macOS"),
        ("fast.cp313-win_amd64.pyd", b"MZ" + bytes(60), "native code for Windows"),
    ],
    ids=["processor", "python", "unknown processor", "macOS", "Windows"],
)
def test_native_code_of_another_platform_is_refused(name: str, content: bytes, why: str) -> None:
    with pytest.raises(ConfigError, match=f"{name} is {why}, and the bundle is for python3.13 on x86_64"):
        refuse_foreign_code({"app/__init__.py": b"", name: content}, X86)


def test_native_code_of_the_target_is_taken() -> None:
    refuse_foreign_code({"fast.cpython-313-x86_64-linux-gnu.so": apps.elf(0x3E), "any.abi3.so": apps.elf(0x3E)}, X86)
    refuse_foreign_code({"fast.cpython-313-aarch64-linux-gnu.so": apps.elf(0xB7), "table.bin": b"MZ"}, ARM)


def test_native_code_of_this_machine_in_the_app_is_refused(tmp_path: Path, wheels: Path) -> None:
    folder = apps.wide(tmp_path / "app")
    (folder / "fast.so").write_bytes(apps.elf(0x3E))
    with pytest.raises(
        ConfigError, match=rf"fast\.so is native code for x86_64, and the bundle is for python{OTHER} on arm64"
    ):
        apps.bundled(folder, graph=apps.graph_for(OTHER, "arm64"), include=[Path("fast.so")])


def test_what_lambda_would_not_unpack_is_refused(app_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(building, "UNPACKED_BYTES", 500_000)
    with pytest.raises(
        TooLarge, match=r"unpacks to [\d,]+ bytes, and Lambda takes 500,000: the largest part is"
    ) as refused:
        apps.bundled(app_folder)
    assert (refused.value.field, refused.value.limit) == ("bundle", 500_000)


def test_what_is_over_a_size_but_works_is_told(app_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(building, "UPLOAD_BYTES", 500_000)
    monkeypatch.setattr(building, "BUDGET_BYTES", 400_000)
    warnings = apps.bundled(app_folder).warnings
    assert ["from S3 only" in warnings[0], "over their budget of 400,000" in warnings[1]] == [True, True]


def test_a_newer_bus_asks_for_a_newer_boto3(app_folder: Path) -> None:
    plain = apps.graph_for()
    bus = structs.replace(plain, channels=(Channel("eventbridgev2", "ledger", made=True),))
    (told,) = apps.bundled(app_folder, graph=bus, bytecode="none").warnings[:-1]  # the last is that of the bytecode
    assert told.startswith("eventbridgev2:ledger needs a boto3 that knows it")
    assert "boto3" not in str(apps.bundled(app_folder, graph=plain, bytecode="none").warnings)


def test_a_name_that_two_have_is_refused(tmp_path: Path) -> None:
    folder = apps.wide(tmp_path / "app")
    theirs = apps.written(tmp_path / "lib", {"msgspec/__init__.py": ""}) / "msgspec"
    with pytest.raises(ConfigError, match=r"msgspec/__init__\.py is there twice"):
        apps.bundled(folder, include=[theirs])


def test_an_adapter_that_does_not_exist_is_refused(app_folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"there is no adapter 'oracle': .*dynamodb.*sqlite"):
        apps.bundled(app_folder, adapters=["oracle"])


def test_an_interpreter_of_another_python_is_refused(app_folder: Path, wheels: Path) -> None:
    with pytest.raises(ConfigError, match=rf"--interpreter .*: it doesn't make bytecode for python{OTHER}"):
        apps.bundled(app_folder, graph=apps.graph_for(OTHER, "arm64"), interpreter="/bin/false")


def test_without_the_targets_interpreter_there_is_no_bytecode_and_its_cost_is_told(
    app_folder: Path, wheels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    bundle = apps.bundled(app_folder, graph=apps.graph_for(OTHER, "arm64"))
    assert bundle.bytecode == "none"
    assert f"no python{OTHER} was found here to make it: --interpreter PATH names one" in bundle.warnings[0]
    assert "three times the CPU" in bundle.warnings[0]
    assert not [name for name in apps.names(bundle) if name.endswith(".pyc")]


@pytest.mark.parametrize(("python", "arch"), [("3.10", "arm64"), ("3.13", "riscv64")])
def test_what_lambda_does_not_have_is_refused(python: str, arch: str) -> None:
    with pytest.raises(ConfigError, match=", ".join(RUNTIMES) if arch == "arm64" else "arm64 or x86_64"):
        Target(python, arch)
