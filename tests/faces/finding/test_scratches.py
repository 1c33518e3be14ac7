"""Filling in scratches: long thin lines go, whatever their direction, and all else stays."""

import cv2
import numpy as np
import pytest
import skimage.data

from colorgan.faces.aging import scratched
from colorgan.faces.finding.scratches import mended


@pytest.fixture(scope="module")
def smooth() -> np.ndarray:
    """Gray rising from left to right, 60 to 180, around a dark disc: `(300, 400)`."""
    rising = np.tile(np.linspace(60, 180, 400).astype(np.uint8), (300, 1))
    return cv2.circle(rising, (250, 150), 60, 40, -1, cv2.LINE_AA)


@pytest.mark.parametrize("quarter_turns", [0, 1])
def test_scratches_are_filled_in_with_what_is_beside_them(smooth, quarter_turns):
    photo = np.rot90(smooth, quarter_turns).copy()
    spoilt = np.rot90(scratched(smooth, np.random.default_rng(0)), quarter_turns).copy()
    before, after = (cv2.absdiff(one, photo).mean() for one in (spoilt, mended(spoilt)))
    assert before > 5
    assert after < 0.25 * before


def test_a_curved_crack_is_filled_in(smooth):
    x = np.arange(20, 380)
    curve = np.int32([np.c_[x, 60 + 20 * np.sin(x / 60)]])
    cracked = cv2.polylines(smooth.copy(), curve, False, 250, 3, cv2.LINE_AA)
    assert cv2.absdiff(mended(cracked), smooth).mean() < 0.2 * cv2.absdiff(cracked, smooth).mean()


def test_a_photo_without_scratches_stays_the_one_it_is(smooth):
    assert mended(smooth) is smooth


def test_short_lines_and_what_is_full_of_lines_stay():
    short = np.full((200, 200), 120, np.uint8)
    short[100:103, 80:110] = 20
    assert mended(short) is short
    grass = skimage.data.grass()
    assert (mended(grass) != grass).mean() < 0.03


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 2)])
def test_images_of_any_shape_are_taken(shape):
    gray = np.full(shape, 90, np.uint8)
    assert mended(gray) is gray
