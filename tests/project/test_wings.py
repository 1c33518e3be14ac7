"""The package's wings import one way, and tests stand where what they test does."""

import ast
import graphlib
import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest

import colorgan
from conftest import ROOT

PACKAGE = Path(colorgan.__file__).parent
SHARED = {
    "errors",
    "files",
    "kinds",
    "locks",
    "luminance",
    "phases",
    "places",
    "processes",
    "sharing",
    "streams",
}
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

# The folders inside of a wing, and which others of the wing each may import.
WITHIN = {
    "faces": {
        "celeba": set(),
        "finding": {"celeba"},
        "packing": {"celeba", "finding"},
        "drawn": set(),
    },
    "photos": {
        "coloring": set(),
        "pictures": set(),
        "films": {"coloring"},
        "page": {"coloring", "pictures"},
    },
    "measuring": {
        "figures": set(),
        "quality": {"figures"},
        "trainings": {"quality"},
        "detection": set(),
    },
    "benchmarks": {"training": set(), "scaling": {"training"}},
}


def imported(file: Path) -> Iterator[tuple[str, ast.stmt]]:
    """The modules of this package that a file imports anywhere, as "wing.module"."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("colorgan"):
            inside = node.module.removeprefix("colorgan").lstrip(".")
            is_folder = PACKAGE.joinpath(*inside.split(".")).is_dir()
            for alias in node.names:
                yield (f"{inside}.{alias.name}".lstrip(".") if is_folder else inside), node
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


@pytest.mark.parametrize("wing", ALLOWED)
def test_every_folder_of_a_wing_is_listed(wing: str) -> None:
    inside = {path.parent.name for path in (PACKAGE / wing).glob("*/__init__.py")}
    assert inside == set(WITHIN.get(wing, ()))


@pytest.mark.parametrize("folder", [f"{wing}.{name}" for wing in WITHIN for name in WITHIN[wing]])
def test_a_folder_imports_only_those_of_its_wing_that_it_may(folder: str) -> None:
    wing, _, name = folder.partition(".")
    other = {f"{wing}.{each}" for each in set(WITHIN[wing]) - WITHIN[wing][name] - {name}}
    for file in (PACKAGE / wing / name).rglob("*.py"):
        for module, node in imported(file):
            found = ".".join(module.split(".")[:2])
            assert found not in other, f"{file}:{node.lineno} imports {module}"


def test_no_module_imports_itself_by_a_detour() -> None:
    files = {
        ".".join(file.relative_to(PACKAGE).with_suffix("").parts): file
        for wing in ALLOWED
        for file in files_of(wing)
        if file.name != "__init__.py"
    }
    arrows = {name: {module for module, _ in imported(file)} for name, file in files.items()}
    graphlib.TopologicalSorter(arrows).prepare()  # raises CycleError, which names the modules


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
