"""The luminance of a gray image under the chroma of a coloured one."""

import cv2
import numpy as np
import pytest

from colorgan.luminance import (
    chroma_of,
    gray_from_bgr,
    stretched,
    with_chroma,
    with_luminance,
)


def test_gray_is_bt601_as_opencv_rounds_it() -> None:
    levels = np.arange(0, 256, 5, dtype=np.uint8)
    blue, green, red = np.meshgrid(levels, levels, levels)
    bgr = np.stack([blue, green, red], axis=1)
    gray = gray_from_bgr(bgr)
    assert gray.shape == (52, 52, 52) and gray.dtype == np.uint8
    exact = 0.299 * red + 0.587 * green + 0.114 * blue
    assert np.abs(gray - exact).max() <= 0.51
    for image, expected in zip(gray, bgr.transpose(0, 2, 3, 1), strict=True):
        assert np.array_equal(image, cv2.cvtColor(expected, cv2.COLOR_BGR2GRAY))


def random_images(seed: int, count: int = 4, size: int = 64) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    bgr = generator.integers(0, 256, (count, 3, size, size), np.uint8)
    return bgr, generator.integers(0, 256, (count, size, size), np.uint8)


def saturated(bgr: np.ndarray) -> np.ndarray:
    """Every channel 0 or 255: the corners of the gamut."""
    return np.where(bgr < 128, 0, 255).astype(np.uint8)


def luminance_error(image: np.ndarray, gray: np.ndarray) -> np.ndarray:
    return np.abs(gray_from_bgr(image).astype(int) - gray)


@pytest.mark.parametrize("kind", [np.copy, saturated], ids=["random", "saturated"])
def test_the_luminance_is_the_given_one_to_a_level(kind):
    bgr, gray = random_images(1)
    error = luminance_error(with_luminance(kind(bgr), gray), gray)
    assert error.max() <= 1
    assert error.mean() < 0.01


def test_the_extremes_of_luminance_leave_no_colour_that_shows():
    bgr, _ = random_images(2)
    for level in (0, 255):
        result = with_luminance(bgr, np.full((4, 64, 64), level, np.uint8))
        assert (gray_from_bgr(result) == level).all()
        assert np.abs(result.astype(int) - level).max() <= 4  # blue, which weighs least


@pytest.mark.parametrize("kind", [np.copy, saturated], ids=["random", "saturated"])
def test_an_image_of_the_right_luminance_is_not_touched(kind):
    bgr = kind(random_images(3)[0])
    np.testing.assert_array_equal(with_luminance(bgr, gray_from_bgr(bgr)), bgr)


def test_a_gray_image_becomes_the_other_gray_image():
    _, before = random_images(4)
    _, after = random_images(5)
    result = with_luminance(np.repeat(before[:, None], 3, axis=1), after)
    np.testing.assert_array_equal(result, np.repeat(after[:, None], 3, axis=1))


def test_where_the_colour_fits_all_channels_are_shifted_alike():
    bgr = np.uint8([200, 100, 50]).reshape(1, 3, 1, 1)  # gray 96.45
    result = with_luminance(bgr, np.full((1, 1, 1), 126, np.uint8))
    assert result.ravel().tolist() == [230, 130, 80]


def test_where_it_does_not_the_chroma_shrinks_just_into_the_gamut():
    bgr, gray = random_images(6)
    result = with_luminance(bgr, gray).astype(int)
    shift = (gray.astype(int) - gray_from_bgr(bgr))[:, None]
    outside = ((bgr + shift < 0) | (bgr + shift > 255)).any(axis=1)
    touches_the_border = ((result == 0) | (result == 255)).any(axis=1)
    assert 0.3 < outside.mean() < 0.9
    assert touches_the_border[outside].all()
    # The hue stays: chroma after and before are multiples, to the rounding of 8 bits.
    weights = np.array([0.114, 0.587, 0.299]).reshape(3, 1, 1)
    before = np.moveaxis(bgr - (weights * bgr).sum(axis=1, keepdims=True), 1, -1)[outside]
    after = np.moveaxis(result - gray[:, None], 1, -1)[outside]
    factor = (before * after).sum(axis=1) / (before**2).sum(axis=1)
    assert np.abs(after - factor[:, None] * before).max() < 1
    assert ((factor > -0.01) & (factor < 1.01)).all()


def opencv_gray(bgr: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("size", [0.001, 0.05, 0.5])
def test_with_chroma_keeps_the_luminance_to_the_last_bit(dtype: type, size: float) -> None:
    random = np.random.default_rng(4)
    gray = random.integers(0, np.iinfo(dtype).max + 1, (600, 800)).astype(dtype)
    chroma = random.uniform(-size, size, (2, 600, 800)).astype(np.float32)
    colored = with_chroma(gray, chroma)
    assert colored.dtype == dtype
    np.testing.assert_array_equal(opencv_gray(colored), gray)


def test_with_chroma_gives_back_an_images_own_colors() -> None:
    bgr = np.random.default_rng(5).integers(0, 256, (3, 300, 300), np.uint8)
    chroma = chroma_of(bgr[np.newaxis] / np.float32(255))[0]
    colored = with_chroma(gray_from_bgr(bgr[np.newaxis])[0], chroma).transpose(2, 0, 1)
    fits = ((bgr > 0) & (bgr < 255)).all(axis=0)
    assert np.abs(colored.astype(int) - bgr)[:, fits].max() <= 1


def test_chroma_that_does_not_fit_shrinks_and_keeps_its_hue() -> None:
    gray = np.full((1, 1), 250, np.uint8)
    colored = with_chroma(gray, np.float32([-0.2, 0.3]).reshape(2, 1, 1))[0, 0].astype(float) - 250
    wanted = np.array([-0.2 * 1.772, 0.2 * 0.344136 - 0.3 * 0.714136, 0.3 * 1.402])
    assert colored[2] == 5  # red, the largest, comes to 255
    np.testing.assert_allclose(colored, wanted * 5 / wanted[2], atol=0.6)


def test_a_faded_photo_is_stretched_to_all_levels_and_its_order_is_kept(photo: np.ndarray) -> None:
    faded = cv2.convertScaleAbs(photo, alpha=0.3, beta=100)
    full = stretched(faded)
    assert np.ptp(np.percentile(full, (1, 99))) > 240
    assert (np.diff(full.ravel()[np.argsort(faded, axis=None)].astype(int)) >= 0).all()


def test_what_has_contrast_or_is_blank_stays_the_very_array(photo: np.ndarray) -> None:
    blank = np.full((5, 7), 90, np.uint8)
    assert stretched(photo) is photo
    assert stretched(blank) is blank


def test_a_little_more_contrast_never_makes_a_jump(photo: np.ndarray) -> None:
    spans = [
        np.ptp(np.percentile(stretched(cv2.convertScaleAbs(photo, alpha=a)), (1, 99)))
        for a in np.linspace(0.3, 0.9, 121)
    ]
    assert np.abs(np.diff(spans)).max() < 12
