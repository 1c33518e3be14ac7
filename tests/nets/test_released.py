"""Released weights are what SHA256SUMS says they are, or they are not loaded."""

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from colorgan.errors import UserError
from colorgan.nets.deployed import DeployedGenerator
from colorgan.nets.released import released_weights
from colorgan.nets.runtime import load_caffe
from conftest import ROOT

GRAY = np.full((1, 8, 8), 100, np.uint8)


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> Path:
    """Two untrained small generators of different weights, in a folder."""
    folder = tmp_path_factory.mktemp("saved")
    caffe = load_caffe()
    for seed, name in enumerate(("paper", "l2"), 1):
        caffe.set_random_seed(seed)
        net = caffe.Net(str(ROOT / "prototxt/generator_small.prototxt"), caffe.TRAIN)
        net.save(str(folder / f"{name}.caffemodel"))
    return folder


@pytest.fixture
def released(saved, tmp_path) -> Path:
    """The same as a release has them: SHA256SUMS by sha256sum itself, a text among the weights."""
    folder = tmp_path / "weights"
    shutil.copytree(saved, folder)
    (folder / "README.md").write_text("two models\n")
    names = ["paper.caffemodel", "l2.caffemodel", "README.md"]
    sums = subprocess.run(
        ["sha256sum", *names], cwd=folder, capture_output=True, text=True, check=True
    )
    (folder / "SHA256SUMS").write_text(sums.stdout)
    return folder


def test_the_weights_that_are_listed_are_known_by_name(released):
    (released / "unlisted.caffemodel").touch()
    expected = {name: released / f"{name}.caffemodel" for name in ("paper", "l2")}
    assert released_weights(released) == expected


def test_a_folder_without_checksums_has_no_released_weights(saved, tmp_path):
    assert released_weights(saved) == {}
    assert released_weights(tmp_path / "nowhere") == {}


def test_whole_weights_are_loaded(released):
    for path in released_weights(released).values():
        assert DeployedGenerator(path).colorize(GRAY).shape == (1, 3, 8, 8)


def test_checksums_of_binary_mode_and_in_capitals_hold_as_well(released):
    sums = released / "SHA256SUMS"
    lines = [line.split() for line in sums.read_text().splitlines()]
    sums.write_text("".join(f"{digest.upper()} *{name}\n" for digest, name in lines))
    DeployedGenerator(released / "paper.caffemodel")


def test_other_weights_under_a_released_name_are_refused(released):
    path = released / "paper.caffemodel"
    shutil.copyfile(released / "l2.caffemodel", path)
    with pytest.raises(UserError, match="checksum is not the one in SHA256SUMS; fetch") as caught:
        DeployedGenerator(path)
    assert str(caught.value).startswith(f"{path}: ")
    DeployedGenerator(released / "l2.caffemodel")


def test_one_flipped_bit_is_found_and_ends_a_program_with_one_line(released, run, faces, tmp_path):
    path = released / "paper.caffemodel"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1  # inside a convolution's weights: a net like any other
    path.write_bytes(content)
    out = tmp_path / "out"
    done = run("evaluate", "--weights", path, "--data", faces, "--out", out)
    assert done.returncode == 2
    (line,) = done.stderr.strip().splitlines()
    assert f"{path}: its checksum is not the one in SHA256SUMS" in line
    assert not out.exists()


def test_weights_that_are_not_listed_are_loaded_unchecked(released):
    path = released / "mine.caffemodel"
    shutil.copyfile(released / "l2.caffemodel", path)
    DeployedGenerator(path)


def test_damaged_checksums_are_named_with_their_line(released):
    sums = released / "SHA256SUMS"
    sums.write_text(sums.read_text() + "<html>not found</html>\n")
    with pytest.raises(UserError, match=f"{re.escape(str(sums))}: line 4"):
        DeployedGenerator(released / "paper.caffemodel")


def test_what_the_clone_holds_is_whole():
    for name, path in released_weights().items():
        assert DeployedGenerator(path).colorize(GRAY).shape == (1, 3, 8, 8), name
