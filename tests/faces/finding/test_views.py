"""The views of a photo: all of it is in them, and their points go to the photo's."""

import cv2
import numpy as np
import pytest

from colorgan.faces.finding import views
from colorgan.faces.finding.similarity import transformed
from colorgan.faces.finding.views import Level


@pytest.fixture
def level(monkeypatch: pytest.MonkeyPatch) -> Level:
    """Half of a photo of 1,400 x 900, in tiles of at most 300."""
    monkeypatch.setattr(views, "TILE", 300)
    x, y = np.meshgrid(np.arange(1400), np.arange(900))
    return Level.resized(np.uint8((x + y) // 10), 0.5, (900, 1400))


@pytest.mark.parametrize("degrees", [0, 90, 180, 270, 45])
def test_a_tiles_points_go_to_the_photos(level, degrees):
    for view, to_photo in level.turned(degrees):
        assert max(view.shape) <= 300 + views.TILE_OVERLAP
        middle = np.array(view.shape[::-1]) // 2
        x, y = transformed(middle + 0.5, to_photo)
        if 10 < x < 1390 and 10 < y < 890:
            assert view[middle[1], middle[0]] == pytest.approx((x + y) / 10, abs=1.5)


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_whatever_is_no_larger_than_the_overlap_is_whole_in_some_tile(level, degrees):
    boxes = []
    for view, to_photo in level.turned(degrees):
        corners = transformed(np.float64([[0, 0], view.shape[::-1]]), to_photo)
        boxes.append(np.sort(corners, axis=0))
    side = 2 * views.TILE_OVERLAP - 4  # in the photo's pixels
    for left in range(0, 1400 - side, 23):
        for top in range(0, 900 - side, 23):
            low, high = np.array([left, top]), np.array([left, top]) + side
            assert any((box[0] <= low).all() and (box[1] >= high).all() for box in boxes)


def test_a_small_level_is_one_tile(level):
    ((view, to_photo),) = Level(level.image[:200, :300], level.to_photo).turned(0)
    assert np.array_equal(view, level.image[:200, :300])
    assert to_photo == pytest.approx(level.to_photo)


def test_a_cut_shows_what_is_there_in_the_photo(level):
    to_photo = np.float64([[2, 0, 500], [0, 2, 300]])
    assert level.cut(to_photo, 64) == pytest.approx(
        cv2.resize(level.image[150:214, 250:314], (64, 64)), abs=1
    )
