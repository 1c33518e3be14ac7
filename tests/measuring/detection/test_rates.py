"""How detection is measured: faces lie where it says, and what it measures is kept."""

import json

import cv2
import numpy as np
import pytest

from colorgan.faces.aging import AGINGS
from colorgan.faces.celeba.landmarks import CELEBA_POINTS
from colorgan.faces.finding.similarity import nearest_similarity, warped
from colorgan.measuring.detection.frames import AS_IT_IS, EYES, Case, Crowd, tiles_of
from colorgan.measuring.detection.rates import (
    SEED,
    measure_aging,
    measure_case,
    measure_crowd,
    measure_points,
)
from colorgan.measuring.detection.sides import OURS
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


def test_the_faces_of_a_crowd_lie_where_their_eyes_are_said_to_be():
    marked = np.zeros((218, 178), np.uint8)
    marked[106:118, 64:76] = marked[106:118, 102:114] = 255  # about both eyes
    faces = [(eyes, turn) for eyes in (12, 38.5, 60) for turn in range(4)]
    frame, eyes = Crowd("", (1600, 1300), faces).lay([marked], np.random.default_rng(0))
    assert eyes.shape == (12, 2, 2)
    assert (frame[eyes[..., 1].astype(int), eyes[..., 0].astype(int)] > 200).all()
    for (apart, turn), (left, right) in zip(faces, eyes, strict=True):
        way = {0: (1, 0), 1: (0, 1), 2: (-1, 0), 3: (0, -1)}[turn]
        assert right - left == pytest.approx(np.multiply(way, apart))


def test_of_a_crowd_each_face_counts_once_and_the_rest_as_others():
    crowd = Crowd("", (800, 300), [(20, 0), (20, 1)])
    images = [np.zeros((218, 178), np.uint8)]
    _, eyes = crowd.lay(images, np.random.default_rng(SEED))
    answer = np.zeros((3, 5, 2))
    answer[0, :2], answer[1, :2], answer[2, :2] = eyes[0] + [3, 0], eyes[0], eyes[1] + [0, 30]
    measured = measure_crowd(crowd, images, lambda frame: answer)
    assert (measured["faces"], measured["found"], measured["others"]) == (2, 0.5, 1)


def test_an_aged_photo_is_colored_and_a_face_that_is_not_found_counts_as_gray(colorizer, truth):
    (face,) = colorizer.find_faces(cv2.cvtColor(truth, cv2.COLOR_BGR2GRAY))
    portrait = [warped(truth, nearest_similarity(EYES, face[:2]), (178, 218))]
    sides = {OURS: colorizer.find_faces, "none": lambda gray: np.empty((0, 5, 2))}
    seen = measure_aging(AGINGS["as it is"], portrait, sides, colorizer)
    assert seen["found"] == {OURS: 1, "none": 0}
    assert seen["color_error"] < seen["color_error_of_gray"]
    black = measure_aging(lambda gray, random: gray * 0, portrait, sides, colorizer)
    assert black["color_error"] == pytest.approx(black["color_error_of_gray"])


def test_tiles_keep_what_is_in_them_and_lose_their_order():
    image = np.random.default_rng(0).integers(0, 256, (218, 178), np.uint8)
    tiled = tiles_of(image, np.random.default_rng(1))
    kept = image[:198, :176]
    assert tiled.shape == kept.shape
    assert not np.array_equal(tiled, kept)
    assert np.array_equal(np.bincount(tiled.ravel()), np.bincount(kept.ravel()))


def test_where_no_face_is_found_there_is_no_mean():
    measured = measure_points([np.zeros((218, 178), np.uint8)])
    assert (measured["faces"], measured["missed"], measured["mean"]) == (0, 1, None)


def test_what_is_kept_is_what_the_detector_is_built_on():
    kept = json.loads((ROOT / "data/results/detection.json").read_text())
    # To a fraction of a pixel: where points are found depends on where they are looked for.
    assert np.array(kept["points"]["mean"]) == pytest.approx(CELEBA_POINTS, abs=0.4)
    tilts = [case["detector"] for name, case in kept["cases"].items() if "tilted by" in name]
    assert min(case["found"] for case in tilts) > 0.9


def test_a_missing_archive_ends_with_one_clear_line(run, tmp_path):
    missing = tmp_path / "none.zip"
    done = run("measure-detection", "--images", missing, "--out", tmp_path / "out/detection.json")
    assert done.returncode == 2, done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert str(missing) in done.stderr
