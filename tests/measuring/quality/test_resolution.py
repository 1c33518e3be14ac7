"""Colours of faces that photos show larger than nets see them: measured as photos are coloured."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from colorgan.faces.celeba.aligned import CROP_LEFT, CROP_SIDE, CROP_TOP
from colorgan.faces.database import Face, FaceDatabase, FaceWriter
from colorgan.faces.drawn.portrait import draw_face
from colorgan.measuring.quality.resolution import Photo, Way, measured, painted, photos, table
from colorgan.nets.generators import BEST_WEIGHTS
from conftest import ROOT

COUNT = 3


@pytest.fixture(scope="module")
def crops(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database of drawn faces, whole crops."""
    folder = tmp_path_factory.mktemp("crops")
    rows, columns = (slice(start, start + CROP_SIDE) for start in (CROP_TOP, CROP_LEFT))
    with FaceWriter(folder / "test_lmdb") as writer:
        for number in range(1, COUNT + 1):
            crop = np.moveaxis(draw_face(5, number)[rows, columns], -1, 0)
            writer.add(Face(number, f"{number:06d}.jpg", np.ascontiguousarray(crop)))
    return folder


@pytest.fixture(scope="module")
def photo(crops: Path) -> Photo:
    with FaceDatabase(crops / "test_lmdb") as faces:
        ((first,),) = photos(faces, [0], CROP_SIDE)
    return first


def test_the_originals_own_chroma_comes_back_the_nearer_the_finer_it_is(photo: Photo) -> None:
    errors = []
    for side in (CROP_SIDE, 128, 64, 16):
        (chroma,) = Way("original", side).chroma([photo])
        colored = painted(photo, chroma, filtered=False)
        np.testing.assert_array_equal(cv2.cvtColor(colored, cv2.COLOR_BGR2GRAY), photo.gray)
        errors.append(measured(photo, colored)["error"])
    assert errors[0] < 0.3  # rounding to 8 bits, and shrunk chroma where it does not fit
    assert errors == sorted(errors)
    assert errors[3] > 2 * errors[1]


def test_errors_are_distances_in_percent_of_the_range(photo: Photo) -> None:
    gray = cv2.merge(3 * [photo.gray])
    blue, green, red = np.moveaxis(photo.bgr / 255, -1, 0)
    luminance = 0.114 * blue + 0.587 * green + 0.299 * red
    chroma = np.hypot((blue - luminance) / 1.772, (red - luminance) / 1.402)
    values = measured(photo, gray)
    assert values["error"] == pytest.approx(100 * chroma.mean(), rel=1e-3)
    assert values["colorfulness"] == 0
    assert values["at_edges"] > values["error"]
    assert measured(photo, photo.bgr)["error"] == 0


def test_the_command_compares_nets_and_sizes_with_the_first(
    run, crops: Path, tmp_path: Path
) -> None:
    out = tmp_path / "new/resolution.json"
    nets = [f"best={BEST_WEIGHTS}@{side}" for side in (64, 128)]
    words = (*nets, "--data", crops, "--out", out, "--skip", 1, "--widths", 178, 90)
    done = run("measure-resolution", *words)
    assert done.returncode == 0, done.stderr
    result = json.loads(out.read_text())
    assert (result["faces"], result["first_image"], result["last_image"]) == (2, 2, 3)
    told = [(row["width"], row["name"], row["side"], row["filtered"]) for row in result["rows"]]
    ways = [("best", 64), ("best", 128), ("original", 64), ("original", 128)]
    assert told == [(w, *way, f) for w in (178, 90) for way in ways for f in (True, False)]
    for row in result["rows"]:
        first = next(one for one in result["rows"] if one["width"] == row["width"])
        difference = row["error"]["mean"] - first["error"]["mean"]
        assert row["difference"]["mean"] == pytest.approx(difference, abs=1e-5)
        assert (row["name"] == "original") == (row["error"]["mean"] < first["error"]["mean"] / 2)
    assert table(result["rows"]) in done.stdout


@pytest.mark.parametrize(
    ("side", "told"),
    [
        ("", "is not NAME=WEIGHTS@SIDE"),
        ("@179", "argument NAME=WEIGHTS@SIDE: 179 is not from 8 to 178"),
    ],
)
def test_nets_without_a_fitting_side_are_refused(run, side: str, told: str, tmp_path: Path) -> None:
    words = (f"best={BEST_WEIGHTS}{side}", "--data", tmp_path, "--out", tmp_path / "out.json")
    done = run("measure-resolution", *words)
    assert done.returncode == 2
    assert told in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    "nets",
    [
        (f"a={BEST_WEIGHTS}@64", f"a={BEST_WEIGHTS}@64"),
        (f"a={BEST_WEIGHTS}@64", "a=other.caffemodel@32"),
        (f"original={BEST_WEIGHTS}@64",),
    ],
)
def test_names_that_results_could_not_tell_apart_are_refused(
    run, nets: tuple[str, ...], tmp_path: Path
) -> None:
    done = run("measure-resolution", *nets, "--data", tmp_path, "--out", tmp_path / "out.json")
    assert done.returncode == 2
    assert "is taken; choose another" in done.stderr.splitlines()[-1]


def test_faces_that_are_no_whole_crops_are_refused(run, faces: Path, tmp_path: Path) -> None:
    words = (f"best={BEST_WEIGHTS}@64", "--data", faces, "--out", tmp_path / "out.json")
    done = run("measure-resolution", *words)
    assert done.returncode == 2
    assert "faces of 64 pixels" in done.stderr.splitlines()[-1]


def test_the_table_in_the_docs_is_that_of_the_kept_result() -> None:
    result = json.loads((ROOT / "data/results/resolution.json").read_text())
    assert result["faces"] == 1000
    assert table(result["rows"]) in (ROOT / "docs/results.md").read_text()
