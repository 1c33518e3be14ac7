"""The second stage of finding faces: what becomes of a candidate."""

import numpy as np
import pytest

from colorgan.faces.finding.refinement import Refiner
from colorgan.faces.finding.similarity import nearest_similarity, transformed
from colorgan.faces.finding.views import Level
from colorgan.faces.finding.yunet import YuNet


@pytest.fixture(scope="module")
def refiner() -> Refiner:
    return Refiner(YuNet())


@pytest.fixture(scope="module")
def levels(large_photo) -> list[Level]:
    return [Level.resized(large_photo, scale, large_photo.shape) for scale in (2, 1, 0.5)]


@pytest.fixture(scope="module")
def points(refiner, levels) -> np.ndarray:
    """The astronaut's, whose eyes are about 42 pixels apart."""
    roughly = [[205, 102], [246, 105], [224, 127], [203, 143], [240, 146]]
    (found,) = refiner.refine(levels, np.array(roughly, float)).landmarks
    return found


def moved(points: np.ndarray, by: float, degrees: float, larger: float) -> np.ndarray:
    """The points turned about their middle, larger, and then farther to the right."""
    turn, middle = larger * np.exp(1j * np.deg2rad(degrees)), points.mean(axis=0)
    ends = middle + [[by, 0], [by + turn.real, turn.imag]]
    return transformed(points, nearest_similarity(np.array([middle, middle + [1, 0]]), ends))


@pytest.mark.parametrize(("by", "degrees", "larger"), [(12, 0, 1), (0, 35, 1), (-8, -15, 1.4)])
def test_from_a_candidate_beside_a_face_the_same_points_are_reached(
    refiner, levels, points, by, degrees, larger
):
    (found,) = refiner.refine(levels, moved(points, by, degrees, larger)).landmarks
    assert np.linalg.norm(found - points, axis=1).mean() < 3, "of 42 from eye to eye"


def test_a_candidate_that_is_no_face_or_the_wrong_way_round_is_dropped(refiner, levels, points):
    for wrong in (moved(points, 100, 0, 1), moved(points, 0, 90, 1), moved(points, 0, 180, 1)):
        assert len(refiner.refine(levels, wrong)) == 0


def test_half_a_face_is_seen_whole_beside_its_mirror_image(refiner, large_photo, points):
    middle = round(float(points[:, 0].mean()))
    half = large_photo[:, middle:]
    (found,) = refiner.refine([Level.resized(half, 1, half.shape)], points - [middle, 0]).landmarks
    assert np.linalg.norm(found + [middle, 0] - points, axis=1)[:2].max() < 0.3 * 42
