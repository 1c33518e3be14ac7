"""What D asks of G in a run's snapshots, and `colorgan analyze-training`, which prints it."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from colorgan.errors import UserError
from colorgan.faces.database import FaceDatabase
from colorgan.luminance import gray_from_bgr
from colorgan.measuring.trainings.demands import (
    HEADINGS,
    Demand,
    Judge,
    cosine,
    read_demands,
    share_of,
    table,
)
from colorgan.training.runfolder import kept_snapshots
from conftest import ROOT

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def trained(run: Run, faces: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with two snapshots of G and D."""
    out = tmp_path_factory.mktemp("trained") / "run"
    done = run(
        "train", "--data", faces, "--out", out, "--batch-size", 2, "--iterations", 2,
        "--generator", "prototxt/generator_small_bottleneck.prototxt",
        "--snapshot-every", 1, "--validation-faces", 4,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return out


def test_a_share_is_all_of_what_is_the_same_and_none_of_what_cancels() -> None:
    picture = np.random.default_rng(1).standard_normal((1, 3, 4, 4))
    assert share_of(np.repeat(picture, 5, axis=0), axes=(0,)) == pytest.approx(1)
    assert share_of(np.concatenate([picture, -picture]), axes=(0,)) == pytest.approx(0)
    assert share_of(np.ones((2, 3, 4, 4)), axes=(0, 2, 3)) == pytest.approx(1)


def test_a_cosine_is_of_directions_alone() -> None:
    one = np.array([[3.0, 4.0]])
    assert cosine(one, 2 * one) == pytest.approx(1)
    assert cosine(one, np.array([[-4.0, 3.0]])) == pytest.approx(0)


def test_a_step_along_the_slope_raises_the_score_by_as_much(trained: Path, faces: Path) -> None:
    with FaceDatabase(faces / "test_lmdb") as test:
        real = test.faces(range(3))
    gray = gray_from_bgr(real)
    first, second = read_demands(trained, kept_snapshots(trained), real)
    assert (first.iteration, second.iteration) == (1, 2)
    np.testing.assert_allclose(first.error, first.fake - real / 255, atol=1e-6)
    judge = Judge(trained / "discriminator.prototxt", real)
    judge.load(trained / "snapshots/iter_00000001/discriminator.caffemodel")
    step = 0.1 * first.slope / np.linalg.norm(first.slope)
    _, score = judge.slope_and_score(first.fake + step, gray)
    raised = (score - first.score).sum()
    assert raised == pytest.approx((first.slope * step).sum(), rel=0.05) and raised > 0


def test_the_gradient_is_less_where_d_is_convinced() -> None:
    slope = np.ones((2, 3, 4, 4), np.float32)
    demand = Demand(1, slope, slope, slope, np.array([0.0, 3.0], np.float32))
    assert demand.gradient[0, 0, 0, 0] == pytest.approx(-0.5)
    assert demand.gradient[1, 0, 0, 0] == pytest.approx(-1 / (1 + np.exp(3)))


def test_the_table_has_a_row_for_each_snapshot(run: Run, trained: Path, faces: Path) -> None:
    done = run("analyze-training", "--run", trained, "--data", faces, "--faces", 3)
    assert done.returncode == 0, done.stderr
    with FaceDatabase(faces / "test_lmdb") as test:
        demands = read_demands(trained, kept_snapshots(trained), test.faces(range(3)))
        assert done.stdout.strip() == table(demands)
    heading, _, *rows = (line.strip("| ").split(" | ") for line in done.stdout.splitlines())
    assert tuple(heading) == HEADINGS
    assert [row[0] for row in rows] == ["1", "2"]


def test_faces_of_another_size_are_refused(trained: Path) -> None:
    faces = np.zeros((1, 3, 32, 32), np.uint8)
    with pytest.raises(UserError, match="for faces of 64 pixels, not 32"):
        list(read_demands(trained, kept_snapshots(trained), faces))


@pytest.mark.parametrize(
    ("net", "told"),
    [("critic", "has no cross-entropy"), ("discriminator_patch", "gives a face several scores")],
)
def test_a_net_whose_score_says_something_else_is_refused(net: str, told: str) -> None:
    with pytest.raises(UserError, match=told):
        Judge(ROOT / f"prototxt/{net}.prototxt", np.zeros((1, 3, 64, 64), np.uint8))


def test_noise_is_made_for_as_many_faces_as_are_judged() -> None:
    faces = np.zeros((65, 3, 64, 64), np.uint8)  # the net has noise for 64
    judge = Judge(ROOT / "prototxt/discriminator_noisy.prototxt", faces)
    slope, score = judge.slope_and_score(faces / np.float32(255), gray_from_bgr(faces))
    assert slope.shape == faces.shape and score.shape == (65,)


def test_what_cannot_be_analyzed_is_one_line(run: Run, faces: Path, tmp_path: Path) -> None:
    done = run("analyze-training", "--run", tmp_path, "--data", faces)
    assert done.returncode == 2
    assert done.stderr.endswith("error: --faces 64: there are only 48 test faces; give fewer\n")
    done = run("analyze-training", "--run", tmp_path, "--data", faces, "--faces", 3)
    assert done.returncode == 2
    assert done.stderr.endswith(f"error: {tmp_path}: holds no snapshots of G and D\n")
