"""A person is told from what is behind, in gray as in colour."""

import cv2
import numpy as np
import pytest

from colorgan.faces.finding.person_segmenter import PersonSegmenter

# Places in a square of 400 x 400: x and y.
PERSON = {"face": (200, 100), "hair": (150, 80), "neck": (190, 165), "suit": (200, 330)}
BEHIND = {"flag": (30, 130), "wall": (90, 90), "rocket": (375, 60), "above": (200, 4)}


@pytest.mark.parametrize("side", [128, 256, 400])
def test_a_person_is_separated_from_the_background_at_any_size(
    large_photo: np.ndarray, side: int
) -> None:
    square = large_photo[:420, 20:440]
    view = cv2.resize(square, (side, side), interpolation=cv2.INTER_AREA)
    person = PersonSegmenter().segment(view)
    assert person.shape == view.shape and person.dtype == np.float32
    assert person.min() >= 0 and person.max() <= 1
    seen = cv2.resize(person, (400, 400))
    assert {name for name, (x, y) in PERSON.items() if seen[y, x] < 0.95} == set()
    assert {name for name, (x, y) in BEHIND.items() if seen[y, x] > 0.05} == set()


def test_a_faded_view_shows_the_same_person(large_photo: np.ndarray) -> None:
    view = large_photo[:420, 20:440]
    faded = np.rint(120 + view * 0.2).astype(np.uint8)
    segmenter = PersonSegmenter()
    assert np.abs(segmenter.segment(faded) - segmenter.segment(view)).mean() < 0.02
