"""The package's wings import one way, and tests stand where what they test does."""

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest

import colorgan
from conftest import ROOT

PACKAGE = Path(colorgan.__file__).parent
SHARED = {"errors", "files", "luminance", "phases", "places", "processes", "sharing", "streams"}
# The wings from the bottom up, and what each may import besides itself and what all share.
ALLOWED = {
    "nets": set(),
    "faces": {"nets"},
    "photos": {"nets", "faces"},
    "measuring": {"nets", "faces", "photos"},
    "training": {"nets", "faces", "measuring"},
    "benchmarks": {"nets", "faces", "photos", "measuring", "training"},
    "commands": {"nets", "faces", "photos", "measuring", "training", "benchmarks"},
}


def imported(file: Path) -> Iterator[tuple[str, ast.stmt]]:
    """The modules of this package that a file imports anywhere, as "wing.module"."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("colorgan"):
            inside = node.module.removeprefix("colorgan").lstrip(".")
            for alias in node.names:
                yield (inside or alias.name), node
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.startswith("colorgan"):
                    yield alias.name.removeprefix("colorgan").lstrip("."), node


def files_of(wing: str) -> list[Path]:
    return sorted((PACKAGE / wing).rglob("*.py"))


def test_every_folder_is_a_wing_and_every_other_module_is_shared() -> None:
    folders = {p.name for p in PACKAGE.iterdir() if p.is_dir() and p.name != "__pycache__"}
    assert folders == set(ALLOWED)
    assert {path.stem for path in PACKAGE.glob("*.py")} == SHARED | {"__init__", "__main__"}


@pytest.mark.parametrize("wing", ALLOWED)
def test_a_wing_imports_only_what_it_may(wing: str) -> None:
    allowed = SHARED | ALLOWED[wing] | {wing, "__version__"}
    for file in files_of(wing):
        for module, node in imported(file):
            assert module.partition(".")[0] in allowed, f"{file}:{node.lineno} imports {module}"


def test_what_all_share_imports_no_wing() -> None:
    for name in SHARED:
        for module, _ in imported(PACKAGE / f"{name}.py"):
            assert module in SHARED, f"{name} imports {module}"


def test_arrows_go_one_way() -> None:
    order = list(ALLOWED)
    for wing, below in ALLOWED.items():
        assert all(order.index(other) < order.index(wing) for other in below), wing


@pytest.mark.parametrize("wing", ALLOWED)
def test_a_wing_says_what_is_in_it_and_what_it_may_import(wing: str) -> None:
    told = importlib.import_module(f"colorgan.{wing}").__doc__
    below = ALLOWED[wing]
    if below and wing not in ("benchmarks", "commands"):
        sentence = next(line for line in told.split("\n") if line.startswith("May import"))
        assert {name for name in ALLOWED if f"`{name}`" in sentence} == below


def test_tests_stand_in_the_folder_of_the_wing_they_test() -> None:
    folders = {p.name for p in (ROOT / "tests").iterdir() if p.is_dir() and p.name[0] not in "._"}
    assert folders == set(ALLOWED) | {"engine", "project"}
    at_the_top = {path.stem.removeprefix("test_") for path in (ROOT / "tests").glob("test_*.py")}
    assert at_the_top <= SHARED
