"""Photos made to look old: what each way of aging does, and that it does it the same every time."""

import numpy as np
import pytest

from colorgan.faces.aging import AGINGS, PAPER, faded, grainy, with_gamma


@pytest.mark.parametrize("name", AGINGS)
def test_an_aged_photo_is_the_same_every_time_and_another_than_the_photo(name, photo):
    first, second = (AGINGS[name](photo, np.random.default_rng(1)) for _ in range(2))
    assert (first.shape, first.dtype) == (photo.shape, photo.dtype)
    assert np.array_equal(first, second)
    assert np.array_equal(first, photo) == (name == "as it is")


def test_fading_keeps_its_share_of_the_contrast(photo):
    aged = faded(photo, 0.3)
    assert aged.std() == pytest.approx(0.3 * photo.std(), rel=0.01)
    assert aged.min() >= PAPER - 0.3 * 128 - 1 and aged.max() <= PAPER + 0.3 * 128 + 1


def test_gamma_keeps_black_and_turns_white_into_the_brightest():
    assert with_gamma(np.uint8([[0, 255]]), 2.0, brightest=0.5).tolist() == [[0, 128]]


def test_grain_is_as_strong_as_asked_for():
    gray = np.full((300, 300), 128, np.uint8)
    assert grainy(gray, 12, np.random.default_rng(0)).std() == pytest.approx(12, rel=0.02)
