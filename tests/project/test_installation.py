"""What `pip install .` gives: the command and all that it needs, in a place without a clone."""

import os
import re
import shutil
import subprocess
import sys
import urllib.request
import venv
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest

import colorgan
from colorgan import Colorizer
from conftest import ROOT, skip_in_image

CARRIED = ("prototxt/*.prototxt", "solvers/*.prototxt", "data/weights/*", "data/networks/*")


def copied(folder: Path) -> Path:
    """What pip reads of a clone, without what set-up and programs add."""
    for name in ("python", "prototxt", "solvers", "data/weights", "data/networks"):
        added = shutil.ignore_patterns("__pycache__", "*.egg-info")
        shutil.copytree(ROOT / name, folder / name, ignore=added)
    for name in ("LICENSE", "pyproject.toml", "setup.py", "requirements.txt"):
        shutil.copyfile(ROOT / name, folder / name)
    return folder


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin folder of a virtual environment with nothing but what pip installs of the project."""
    skip_in_image()
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder / "venv", with_pip=True)
    binaries = folder / "venv/bin"
    clone = copied(folder / "clone")
    # Python compiles what is imported; pip would compile all of SciPy.
    options = ["--disable-pip-version-check", "--no-compile", "-c", "requirements.txt"]
    words = [binaries / "pip", "install", *options, "."]
    done = subprocess.run(words, cwd=clone, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    shutil.rmtree(clone)
    return binaries


def run(environment: Path, folder: Path, *words: object) -> subprocess.CompletedProcess[str]:
    """Run the installed `colorgan` in a folder."""
    command = [environment / "colorgan", *map(str, words)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_a_photo_is_coloured_without_a_clone(
    environment: Path, photo: np.ndarray, tmp_path: Path
) -> None:
    cv2.imwrite(str(tmp_path / "old.png"), photo)
    done = run(environment, tmp_path, "colorize", "old.png")
    assert (done.returncode, done.stdout) == (0, "old_colorized.png\n"), done.stderr
    expected = Colorizer(device="opencv").colorize(photo)
    np.testing.assert_array_equal(cv2.imread(str(tmp_path / "old_colorized.png")), expected)


def test_the_page_is_served_without_a_clone(environment: Path, tmp_path: Path) -> None:
    command = [environment / "colorgan", "demo", "--port", "0"]
    with subprocess.Popen(
        command, cwd=tmp_path, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as server:
        address = server.stdout.readline().strip()
        with urllib.request.urlopen(address, timeout=20) as answer:
            assert b"Colour</span> old photos" in answer.read()
        server.terminate()
        assert server.wait(timeout=20) == 0, server.stderr.read()


@pytest.mark.parametrize("name", ["train", "evaluate", "build-lmdb", "bench-train"])
def test_what_needs_caffe_says_in_one_line_how_to_get_it(
    environment: Path, tmp_path: Path, name: str
) -> None:
    done = run(environment, tmp_path, name, "--out", "runs")
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"colorgan {name}: error: needs Caffe, which is not installed")
    assert "tools/setup.sh" in line


def test_what_needs_a_clone_says_so(environment: Path, tmp_path: Path) -> None:
    done = run(environment, tmp_path, "reproduce")
    assert done.returncode == 2
    assert done.stderr == (
        "colorgan reproduce: error: needs a clone of the project, which has tools/reproduce.sh\n"
    )


def test_the_version_is_printed(environment: Path, tmp_path: Path) -> None:
    assert run(environment, tmp_path, "--version").stdout == f"colorgan {colorgan.__version__}\n"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The files of the wheel that `pip wheel .` makes, where an older one was made before."""
    skip_in_image()
    clone = copied(tmp_path_factory.mktemp("clone"))
    left = clone / "build/lib/colorgan/removed_since.py"
    left.parent.mkdir(parents=True)
    left.touch()
    words = ["-m", "pip", "--disable-pip-version-check", "wheel", "--no-deps", "--no-index"]
    subprocess.run([sys.executable, *words, "--no-build-isolation", "-q", "."], cwd=clone,
                   check=True, env=os.environ | {"PYTHONWARNINGS": "ignore"})  # fmt: skip
    (path,) = clone.glob("colorgan-*.whl")
    with zipfile.ZipFile(path) as archive:
        return set(archive.namelist())


def test_the_wheel_carries_nets_solvers_weights_page_and_report(wheel: set[str]) -> None:
    carried = {
        f"colorgan/{path.relative_to(ROOT)}" for pattern in CARRIED for path in ROOT.glob(pattern)
    }
    assert carried and carried <= wheel
    page = {
        f"colorgan/{path.relative_to(ROOT / 'python/colorgan')}"
        for path in ROOT.glob("python/colorgan/photos/page/browser/*")
    }
    assert len(page) > 2 and page <= wheel
    for name in ("measuring/report.html.j2", "measuring/trainings/experiments.toml"):
        assert f"colorgan/{name}" in wheel


def test_the_wheel_has_the_modules_of_today_and_nothing_else(wheel: set[str]) -> None:
    modules = {
        str(path.relative_to(ROOT / "python")) for path in ROOT.glob("python/colorgan/**/*.py")
    }
    assert {name for name in wheel if name.endswith(".py")} == modules
    other = {name for name in wheel if not re.match(r"colorgan(-[\d.]+\.dist-info)?/", name)}
    assert other == set()
