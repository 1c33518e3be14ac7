"""The colours that the page offers, taken from training faces."""

import json
from pathlib import Path

import cv2
import numpy as np

from colorgan.measuring.palette import COLORS, LEVELS, measure_palette
from conftest import ROOT, Run


def luminance(color: str) -> int:
    rgb = np.frombuffer(bytes.fromhex(color[1:]), np.uint8)
    return int(cv2.cvtColor(rgb.reshape(1, 1, 3), cv2.COLOR_RGB2GRAY)[0, 0])


def check(steps: list[list[str]]) -> None:
    """Each step has its colours, as bright as it is; the first is the grayest."""
    assert len(steps) == LEVELS
    for step, colors in enumerate(steps):
        assert all(luminance(color) // (256 // LEVELS) == step for color in colors), step
        spans = [np.ptp(np.frombuffer(bytes.fromhex(color[1:]), np.uint8)) for color in colors]
        assert not spans or spans[0] <= np.median(spans)


def test_the_page_has_colors_for_every_luminance() -> None:
    steps = json.loads((ROOT / "python/colorgan/photos/page/palette.json").read_text())
    check(steps)
    assert all(len(set(colors)) == COLORS for colors in steps)


def test_the_palette_is_measured_on_training_faces(run: Run, faces: Path, tmp_path: Path) -> None:
    out = tmp_path / "made/palette.json"
    done = run("measure-palette", "--data", faces, "--out", out, "--faces", 50)
    assert done.returncode == 0, done.stderr
    steps = json.loads(out.read_text())
    assert steps == measure_palette(faces / "train_lmdb", 50)
    check(steps)
    assert any(len(colors) == COLORS for colors in steps)
