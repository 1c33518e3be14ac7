"""How detection is measured: faces lie where it says, and what it measures is kept."""

import json

import numpy as np
import pytest

from colorgan.faces.landmarks import CELEBA_POINTS
from colorgan.measuring.detection import AS_IT_IS, EYES, Case, measure_case, tiles_of
from conftest import ROOT


def test_a_face_is_laid_where_its_eyes_are_said_to_be():
    marked = np.zeros((218, 178), np.uint8)
    marked[108:116, 104:112] = 255  # about the eye on the right
    for degrees, eyes in ((0, 40), (90, 20), (200, 90)):
        frame, (left, right) = Case("", eyes=eyes, degrees=degrees, middle=(0.4, 0.6)).lay(marked)
        rows, columns = np.nonzero(frame > 128)
        assert [columns.mean() + 0.5, rows.mean() + 0.5] == pytest.approx(right, abs=1.5)
        assert np.linalg.norm(right - left) == pytest.approx(eyes)


def test_the_image_as_it_is_is_laid_bit_for_bit():
    image = np.random.default_rng(0).integers(0, 256, (218, 178), np.uint8)
    frame, eyes = AS_IT_IS.lay(image)
    assert np.array_equal(frame, image)
    assert eyes == pytest.approx(EYES)


def test_a_face_counts_as_found_where_eyes_are_near_and_the_rest_as_others():
    case = Case("", eyes=40)
    images = [np.zeros((218, 178), np.uint8)] * 4
    _, eyes = case.lay(images[0])
    near, far = np.zeros((5, 2)), np.zeros((5, 2))
    near[:2], far[:2] = eyes + [4, 0], eyes + [21, 0]
    answers = iter([np.array([far, near]), np.array([near]), np.array([far]), np.empty((0, 5, 2))])
    measured = measure_case(case, images, lambda frame: next(answers))
    assert (measured["found"], measured["others"]) == (0.5, 2)
    assert measured["eye_error_median"] == pytest.approx(0.1)


def test_tiles_keep_what_is_in_them_and_lose_their_order():
    image = np.random.default_rng(0).integers(0, 256, (218, 178), np.uint8)
    tiled = tiles_of(image, np.random.default_rng(1))
    kept = image[:198, :176]
    assert tiled.shape == kept.shape
    assert not np.array_equal(tiled, kept)
    assert np.array_equal(np.bincount(tiled.ravel()), np.bincount(kept.ravel()))


def test_what_is_kept_is_what_the_detector_is_built_on():
    kept = json.loads((ROOT / "data/results/detection.json").read_text())
    assert np.array(kept["points"]["mean"]) == pytest.approx(CELEBA_POINTS, abs=0.005)
    tilts = [case["detector"] for name, case in kept["cases"].items() if "tilted by" in name]
    assert min(case["found"] for case in tilts) > 0.9


def test_a_missing_archive_ends_with_one_clear_line(run, tmp_path):
    missing = tmp_path / "none.zip"
    done = run("measure-detection", "--images", missing, "--out", tmp_path / "out/detection.json")
    assert done.returncode == 2, done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert str(missing) in done.stderr
