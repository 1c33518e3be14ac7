"""Ways to colour compared: what each is given, what is measured, and what is kept of it."""

import json
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from colorgan.faces.database import FaceDatabase
from colorgan.luminance import gray_from_bgr
from colorgan.measuring.figures.canvas import BLUE, GREEN, ORANGE
from colorgan.measuring.figures.methods import methods_figure
from colorgan.measuring.quality.methods import (
    POINTS,
    Subject,
    color_edges,
    nearest_faces,
    subjects,
    table,
    worth,
)
from conftest import ROOT
from programs import run_program

KEPT = ROOT / "data/results/methods.json"


@pytest.fixture
def databases(faces: Path) -> Iterator[tuple[FaceDatabase, FaceDatabase]]:
    with FaceDatabase(faces / "test_lmdb") as test, FaceDatabase(faces / "train_lmdb") as train:
        yield test, train


@pytest.fixture(scope="module")
def compared(run, faces: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict, str, Path]:
    """What the command writes and prints of four faces."""
    out = tmp_path_factory.mktemp("compared") / "new/methods.json"
    done = run("compare-methods", "--data", faces, "--skip", 5, "--count", 4, "--out", out)
    assert done.returncode == 0, done.stderr
    return json.loads(out.read_text()), done.stdout, out


def mean(rows: list[dict], key: str, points: int | None, metric: str) -> float:
    (row,) = (row for row in rows if (row["key"], row["points"]) == (key, points))
    return row[metric]["mean"]


def test_the_nearest_face_is_the_one_of_least_squared_difference(databases) -> None:
    test, train = databases
    gray = gray_from_bgr(test.faces(range(6)))
    known = gray_from_bgr(train.faces(range(len(train)))).astype(int)
    wanted = [np.square(known - one).sum(axis=(1, 2)).argmin() for one in gray.astype(int)]
    assert nearest_faces(train, gray).tolist() == wanted


def test_a_faces_examples_and_points_do_not_depend_on_the_others(databases) -> None:
    test, train = databases
    (alone,) = subjects(test, train, [7])
    *_, among = subjects(test, train, range(5, 8))
    assert alone.number == among.number
    for key in ("gray", "real", "nearest", "random"):
        np.testing.assert_array_equal(getattr(alone, key), getattr(among, key))
    np.testing.assert_array_equal(alone.strokes(30)[1], among.strokes(30)[1])


def test_more_points_are_those_of_fewer_and_others() -> None:
    nothing = np.zeros((3, 64, 64), np.uint8)
    subject = Subject(162772, nothing[0], nothing, nothing, nothing)
    masks = [subject.strokes(count)[1] for count in POINTS]
    assert [mask.sum() for mask in masks] == list(POINTS)
    for fewer, more in zip(masks, masks[1:], strict=False):
        assert more[fewer].all()


def test_edges_of_color_are_where_chroma_changes_and_luminance_need_not() -> None:
    picture = np.full((3, 64, 64), 128, np.uint8)
    blue = np.arange(64) // 8 % 2 == 1
    picture[:, :, blue] = np.array([180, 108, 148])[:, np.newaxis, np.newaxis]
    picture[:, :20, :6] = 250  # light, and no color
    beside = np.diff(blue, prepend=False) | np.diff(blue, append=blue[-1])
    np.testing.assert_array_equal(color_edges(picture), np.broadcast_to(beside, (64, 64)))


def rows_of(best: float, strokes: list[float]) -> list[dict]:
    counted = zip((0, 1, 3, 10), strokes, strict=True)
    rows = [{"key": "strokes", "points": n, "psnr": {"mean": value}} for n, value in counted]
    return [{"key": "best", "points": None, "psnr": {"mean": best}}, *rows]


@pytest.mark.parametrize("sign", [1, -1])
def test_the_worth_of_best_lies_between_the_points_that_are_worse_and_better(sign: int) -> None:
    strokes = [sign * value for value in (20, 22, 24, 26)]
    assert worth(rows_of(sign * 22, strokes), "psnr") == pytest.approx(1)
    assert worth(rows_of(sign * 23, strokes), "psnr") == pytest.approx(2 * 2**0.5 - 1)
    assert worth(rows_of(sign * 27, strokes), "psnr") is None


def test_all_methods_are_measured_on_the_same_faces(compared) -> None:
    result, printed, out = compared
    rows = result["methods"]
    assert result["faces"] == 4 and result["skipped_faces"] == 5
    assert mean(rows, "strokes", 0, "colorfulness") == 0
    for metric in ("psnr", "ciede2000"):
        assert mean(rows, "best_strokes", 0, metric) == mean(rows, "best", None, metric)
        for key in ("strokes", "best_strokes"):
            none, many = (mean(rows, key, count, metric) for count in (0, 100))
            assert many > none + 2 if metric == "psnr" else many < none - 1
    assert mean(rows, "nearest", None, "psnr") != mean(rows, "random", None, "psnr")
    assert all(row["seconds"]["mean"] > 0 for row in rows)
    assert table(result) in printed and str(out) in printed


def test_the_figure_has_a_line_for_each_method(compared) -> None:
    result, _, out = compared
    picture = cv2.imread(str(out.with_suffix(".png")))
    np.testing.assert_array_equal(picture, methods_figure(result))
    for color in (BLUE, ORANGE, GREEN):
        bgr = [int(color[at : at + 2], 16) for at in (5, 3, 1)]
        assert (picture == bgr).all(axis=-1).any(), color


def test_what_cannot_be_is_refused_in_one_line(faces: Path, tmp_path: Path) -> None:
    out = tmp_path / "methods.json"
    cases = {
        "must end in .json": ("--data", faces, "--out", tmp_path / "methods.txt"),
        str(tmp_path): ("--data", tmp_path, "--out", out),
        "no test faces left": ("--data", faces, "--out", out, "--skip", 10_000),
    }
    for told, words in cases.items():
        done = run_program("compare-methods", *words)
        assert done.returncode == 2, done.stderr
        assert len(done.stderr.splitlines()) == 1 and told in done.stderr
    assert not out.exists()


def test_the_table_in_the_docs_is_that_of_the_kept_result() -> None:
    result = json.loads(KEPT.read_text())
    assert result["faces"] == 1000
    assert table(result) in (ROOT / "docs/results.md").read_text()
