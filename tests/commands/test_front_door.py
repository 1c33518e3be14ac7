"""The front door: the table of commands, how they end, and what a bare installation can do."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import colorgan
from colorgan.commands.front_door import COMMANDS
from conftest import ROOT
from programs import run_program, run_python

HEAVY = {"caffe", "google.protobuf", "lmdb", "matplotlib", "skimage", "starlette"}
HEAVY |= {"scipy.sparse", "scipy.spatial"}
FILES = {
    "python/train_gan.py": "train",
    "python/evaluate.py": "evaluate",
    "python/make_figures.py": "figures",
    "python/colorize.py": "colorize",
    "tools/build_lmdb.py": "build-lmdb",
}


def test_the_table_has_every_module_of_the_commands() -> None:
    package = Path(colorgan.__file__).parent / "commands"
    modules = {path.stem for path in package.glob("*.py")} - {"__init__", "arguments", "front_door"}
    listed = {row.name.replace("-", "_") for row in COMMANDS if not row.script}
    assert listed == modules


def test_help_lists_every_command() -> None:
    text = run_program("--help").stdout
    for row in COMMANDS:
        assert re.search(rf"(?m)^    {row.name}\s+{re.escape(row.summary)}$", text), row.name


def test_the_readme_has_the_same_table() -> None:
    rows = re.findall(r"(?m)^\| `colorgan ([a-z-]+)` \| (.+) \|$", (ROOT / "README.md").read_text())
    assert rows == [(row.name, row.summary) for row in COMMANDS]


@pytest.mark.parametrize("row", [row for row in COMMANDS if not row.script], ids=lambda r: r.name)
def test_every_command_has_help(row) -> None:
    done = run_program(row.name, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"usage: colorgan {row.name} ")


def test_the_version_is_that_of_the_package() -> None:
    assert run_program("--version").stdout == f"colorgan {colorgan.__version__}\n"


def test_a_command_that_there_is_not_ends_in_one_line() -> None:
    done = run_program("colourize", "old.jpg")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "colorgan: error: colourize: no such command; colorgan --help lists them\n"
    )


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("colorize", "the following arguments are required: IN"),
        ("colorize ''", "an argument is empty"),
        ("train --data x --out=", "an argument is empty"),
        ("colorize a.jpg --hint", "argument --hint: expected one argument"),
        ("colorize a.jpg --hint --whole", "argument --hint: expected one argument"),
        ("colorize a.jpg --quality -5", "argument --quality: -5 is not from 1 to 100"),
        ("colorize a.jpg --quality high", "argument --quality: high is not from 1 to 100"),
        ("colorize a.jpg --max-megapixels -x", "argument --max-megapixels: -x is not a positive"),
        ("colorize a.jpg --max-megapixels 1e308", "1e308 is not a positive number up to 1e9"),
        ("demo --device -gpu", "-gpu"),
        ("demo --port -1", "argument --port: -1 is not from 0 to 65535"),
        ("demo --public-url -x", "argument --public-url: '-x' is not the address of a page"),
        ("demo --weights -x", "-x: "),
        ("train --lambda -1", "argument --lambda: -1 is not a positive number"),
        ("evaluate --skip -1", "argument --skip: -1 is not 0 or more"),
        ("compare-methods --data x --out -y", "-y: must end in .json"),
        ("show-photos --out a.bmp", "a.bmp: must end in .jpg or .jpeg"),
        ("measure-resolution x=x@64 --data x --out x --widths 3", "3 is not from 8 to 178"),
        ("bench-lmdb --images x --size 179", "argument --size: 179 is not from 1 to 178"),
        ("build-lmdb --size 200", "argument --size: 200 is not from 1 to 178"),
        ("build-lmdb --max-bad -0.1", "argument --max-bad: -0.1 is not from 0 to 1"),
        ("train --iterations 1.5", "argument --iterations: 1.5 is not a whole number"),
        ("make-sample-faces --workers 0", "argument --workers: 0 is not from 1 to 512"),
    ],
)
def test_a_command_line_that_is_wrong_ends_in_one_line(words: str, told: str) -> None:
    done = run_program(*shlex.split(words))
    assert (done.returncode, done.stdout) == (2, "")
    line = done.stderr.removesuffix("\n")
    assert told in line and "\n" not in line


@pytest.mark.parametrize(
    "words",
    [
        "analyze-training --run x --data LONG",
        "bench-colorize --json LONG.json",
        "build-lmdb --any-photos --out OUT --images LONG",
        "build-lmdb --images x --out OUT --partition LONG",
        "colorize LONG",
        "colorize x.jpg --reference LONG",
        "compare-methods --out OUT.json --data LONG",
        "demo --weights LONG",
        "experiments --experiments LONG",
        "experiments small --runs LONG",
        "experiments --table --results LONG",
        "experiments small --figure LONG.png",
        "make-sample-faces --out LONG",
        "measure-detection --images x --out LONG.json",
        "measure-palette --out OUT.json --data LONG",
        "release-weights x=run --out LONG",
        "show-photos --out LONG.jpg",
        "train --out OUT --data LONG",
    ],
)
def test_a_path_that_the_system_refuses_ends_in_one_line(words: str, tmp_path: Path) -> None:
    """A name that is too long: it refuses that to root, too."""
    words = words.replace("OUT", str(tmp_path / "out")).replace("LONG", str(tmp_path / ("n" * 300)))
    done = run_program(*words.split())
    assert (done.returncode, done.stdout) == (2, "")
    told = [line for line in done.stderr.splitlines() if "not coloured" not in line]
    assert len(told) == 1 and "nnn" in told[0]


def test_the_scripts_of_the_clone_are_commands_too() -> None:
    done = run_program("reproduce", "--help")
    assert done.returncode == 0
    assert "ITERATIONS=n" in done.stdout


@pytest.mark.parametrize(("file", "name"), FILES.items())
def test_the_named_programs_are_commands(file: str, name: str, tmp_path: Path) -> None:
    by_file = subprocess.run(
        [sys.executable, ROOT / file, "--help"], cwd=tmp_path, capture_output=True, text=True
    )
    assert by_file.returncode == 0, by_file.stderr
    assert by_file.stdout == run_program(name, "--help").stdout


def test_a_command_loads_no_other() -> None:
    """Colouring needs neither Caffe's Python module nor what training and measuring need."""
    code = (
        "import sys; from colorgan.commands.front_door import main\n"
        "try: main(['colorize', '--help'])\n"
        "except SystemExit: pass\n"
        f"sys.exit(', '.join({HEAVY} & set(sys.modules)) or 0)"
    )
    done = run_python("-c", code)
    assert (done.returncode, done.stderr) == (0, "")


def completions(line: str, folder: Path) -> set[str]:
    """What bash would offer at the end of a command line."""
    out = folder / "completions"
    done = run_python(
        "-m", "colorgan",
        env=os.environ | {
            "_ARGCOMPLETE": "1", "_ARGCOMPLETE_STDOUT_FILENAME": str(out), "IFS": "\v",
            "_ARGCOMPLETE_IFS": "\v", "COMP_LINE": line, "COMP_POINT": str(len(line)),
        },
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return {word.strip() for word in out.read_text().split("\v")}


def test_a_shell_completes_commands_and_their_options(tmp_path: Path) -> None:
    assert {"train", "test"} <= completions("colorgan t", tmp_path)
    assert {"--mirror", "--mode"} <= completions("colorgan train --m", tmp_path)
