"""The released weights still measure what they measured when they were released."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from colorgan.measuring.quality.drawn_check import (
    DRAWN_METRICS_FILE,
    drawn_test_faces,
    measure_on_drawn_faces,
)
from colorgan.measuring.quality.metrics import METRICS
from colorgan.nets.deployed import DeployedGenerator, read_weights
from colorgan.nets.released import released_weights
from colorgan.places import WEIGHTS

RELEASED = released_weights()


@pytest.mark.parametrize("name", RELEASED)
def test_released_weights_give_the_recorded_metrics_on_drawn_faces(name: str) -> None:
    recorded = json.loads((WEIGHTS / DRAWN_METRICS_FILE).read_text())[name]
    assert measure_on_drawn_faces(DeployedGenerator(RELEASED[name])) == pytest.approx(
        recorded, abs=1e-3
    )


def test_the_papers_the_l2_and_the_best_weights_are_released_and_small() -> None:
    assert {"paper", "l2", "best"} <= RELEASED.keys()
    assert all(path.stat().st_size < 6e6 for path in RELEASED.values())


def test_the_check_notices_a_slight_change_of_the_weights(tmp_path: Path) -> None:
    path = tmp_path / "changed.caffemodel"
    message = read_weights(RELEASED["l2"])
    for layer in message.layer:
        if layer.name == "conv3":
            changed = np.array(layer.blobs[0].data, np.float32) * np.float32(1.01)
            layer.blobs[0].data[:] = changed.tolist()
    path.write_bytes(message.SerializeToString())
    recorded = json.loads((WEIGHTS / DRAWN_METRICS_FILE).read_text())["l2"]
    measured = measure_on_drawn_faces(DeployedGenerator(path))
    assert any(abs(measured[key] - recorded[key]) > 1e-3 for key in recorded)


def test_the_drawn_faces_are_colored_and_differ() -> None:
    faces = drawn_test_faces()
    assert faces.shape == (24, 3, 64, 64)
    assert faces.dtype == np.uint8
    assert len({face.tobytes() for face in faces}) == 24


def test_weights_are_released_with_checksum_and_metrics(run, tmp_path: Path) -> None:
    best = tmp_path / "run/snapshots/best"
    best.mkdir(parents=True)
    shutil.copy(RELEASED["l2"], best / "generator.caffemodel")
    for name in ("one", "two"):
        words = (f"{name}={tmp_path / 'run'}", "--out", tmp_path / "out")
        done = run("release-weights", *words)
        assert done.returncode == 0, done.stderr
    assert list(released_weights(tmp_path / "out")) == ["one", "two"]
    recorded = json.loads((tmp_path / "out" / DRAWN_METRICS_FILE).read_text())
    assert set(recorded["one"]) == {metric.key for metric in METRICS}
    assert recorded["one"] == recorded["two"]


@pytest.mark.parametrize(
    ("word", "complaint"),
    [
        ("paper", "is not NAME=PATH"),
        ("paper=nowhere", "holds no snapshot"),
        ("../paper=nowhere", "'../paper': not a name"),
    ],
)
def test_what_cannot_be_released_is_refused(run, tmp_path: Path, word: str, complaint: str) -> None:
    done = run("release-weights", word, "--out", tmp_path)
    assert done.returncode == 2
    assert complaint in done.stderr.splitlines()[-1]
