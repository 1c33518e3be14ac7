"""Photos coloured with what a person says of them: strokes, and a photo of the same colours."""

import cv2
import numpy as np
import pytest
import skimage.data

from colorgan.photos.coloring.colorizer import Colorizer
from colorgan.photos.coloring.hints import Hints, Point
from colorgan.photos.coloring.sitting import Sitting
from conftest import chroma_in

BLUE, GRAY = (200, 80, 32), (128, 128, 128)
FACE, COAT, FAR = (
    (slice(50, 90), slice(95, 125)),
    (slice(200, 250), slice(10, 65)),
    (slice(5, 60), slice(5, 40)),
)
"""Of the astronaut; the last is a wall behind her."""


@pytest.fixture(scope="module")
def coffee() -> np.ndarray:
    """A photo in colour, brown all over, BGR."""
    return skimage.data.coffee()[..., ::-1].copy()


def mean_chroma(bgr: np.ndarray, place: tuple[slice, slice]) -> np.ndarray:
    return chroma_in(bgr[place]).mean(axis=(1, 2))


def stroke(place: tuple[slice, slice], bgr: tuple[int, int, int]) -> np.ndarray:
    """A picture of one stroke through the middle of a place of the astronaut: BGRA."""
    picture = np.zeros((256, 256, 4), np.uint8)
    rows, columns = place
    middle = (rows.start + rows.stop) // 2
    picture[middle - 5 : middle + 5, columns] = *bgr, 255
    return picture


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_stroke_colors_its_place_and_keeps_every_luminance(
    colorizer: Colorizer, photo: np.ndarray, dtype: type
) -> None:
    gray = photo.astype(dtype) * dtype(np.iinfo(dtype).max // 255)
    before, after = colorizer.colorize(gray), colorizer.colorize(gray, hints=stroke(COAT, BLUE))
    assert after.dtype == dtype
    np.testing.assert_array_equal(cv2.cvtColor(after, cv2.COLOR_BGR2GRAY), gray)
    cb, cr = mean_chroma(after, COAT)
    assert cb > 0.1 and cr < -0.04
    for place in (FACE, FAR):
        np.testing.assert_allclose(mean_chroma(after, place), mean_chroma(before, place), atol=2e-3)


def test_strokes_win_on_a_face_and_over_all_that_is_below(
    colorizer: Colorizer, photo: np.ndarray, coffee: np.ndarray
) -> None:
    for below in ({}, {"whole": True}, {"reference": coffee}):
        painted = colorizer.colorize(photo, hints=stroke(FACE, BLUE), **below)
        cb, cr = mean_chroma(painted, (slice(69, 71), slice(105, 115)))
        assert cb > 0.1 and cr < -0.04, below


def test_a_gray_stroke_keeps_its_place_gray(colorizer: Colorizer, photo: np.ndarray) -> None:
    whole = colorizer.colorize(photo, whole=True)
    painted = colorizer.colorize(photo, whole=True, hints=stroke(COAT, GRAY))
    middle = slice(223, 227), COAT[1]
    assert np.hypot(*mean_chroma(whole, middle)) > 0.01
    assert np.hypot(*mean_chroma(painted, middle)) < 0.004


def test_a_reference_colors_what_is_outside_of_faces_and_the_net_faces(
    colorizer: Colorizer, photo: np.ndarray, coffee: np.ndarray
) -> None:
    alone = colorizer.colorize(photo)
    colored = colorizer.colorize(photo, reference=coffee)
    cb, cr = mean_chroma(colored, COAT)
    assert cb < -0.01 and cr > 0.01  # brown
    np.testing.assert_allclose(mean_chroma(colored, FACE), mean_chroma(alone, FACE), atol=2e-3)
    several = colorizer.colorize(np.stack([photo, photo]), reference=coffee)
    np.testing.assert_array_equal(several[1], colored)


def test_a_photo_colored_again_is_as_if_it_was_for_the_first_time(
    colorizer: Colorizer, photo: np.ndarray, coffee: np.ndarray
) -> None:
    sitting, reference = Sitting(colorizer, photo), colorizer.reference_of(coffee)
    first, second = (Hints.of_picture(stroke(COAT, c), photo.shape) for c in (BLUE, GRAY))
    for wish in ((False, first, None), (False, first, reference), (True, second, None)):
        once = Sitting(colorizer, photo).colorize(*wish)
        np.testing.assert_array_equal(sitting.colorize(*wish), once)
    np.testing.assert_array_equal(sitting.colorize(), colorizer.colorize(photo))


def test_an_aligned_face_takes_strokes_over_the_papers_colors(
    colorizer: Colorizer, photo: np.ndarray
) -> None:
    (face,) = colorizer.cut_faces(photo, colorizer.find_faces(photo)[:1])
    alone = colorizer.colorize(face)
    np.testing.assert_array_equal(Sitting(colorizer, face).colorize(), alone)
    hints = Hints.of_points([Point(2, 60, BLUE)], face.shape)
    painted = colorizer.colorize(face, hints=hints)
    assert chroma_in(painted)[0, 60, 2] > 0.1
    np.testing.assert_array_equal(cv2.cvtColor(painted, cv2.COLOR_BGR2GRAY), face)


@pytest.mark.parametrize(
    ("hints", "told"),
    [
        (np.zeros((256, 256, 3), np.uint8), r"uint8 \(256, 256, 3\)"),
        (np.zeros((256, 256, 4), np.float32), r"float32 \(256, 256, 4\)"),
        (np.zeros((256, 128, 4), np.uint8), "128 x 256 pixels do not have the proportions"),
        (np.zeros((256, 256, 4), np.uint8), "no stroke"),
        ("strokes.png", "got str as hints"),
        (
            Hints(np.zeros((2, 9, 99), np.float32), np.ones((9, 99), bool)),
            r"\(9, 99\), not in the photo's proportions \(256, 256\)",
        ),
    ],
    ids=["BGR", "floats", "tall", "empty", "a name", "of another photo"],
)
def test_what_are_no_hints_is_refused(
    colorizer: Colorizer, photo: np.ndarray, hints: object, told: str
) -> None:
    with pytest.raises(ValueError, match=told):
        colorizer.colorize(photo, hints=hints)


def test_several_photos_take_no_hints(colorizer: Colorizer, photo: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"hints for uint8 \(2, 256, 256\), not for one photo"):
        colorizer.colorize(np.stack([photo, photo]), hints=stroke(COAT, BLUE))


@pytest.mark.parametrize(
    ("reference", "told"),
    [
        (np.zeros((64, 64), np.uint8), r"uint8 \(64, 64\)"),
        (np.zeros((64, 64, 3), np.float32), r"float32 \(64, 64, 3\)"),
        (np.full((64, 64, 3), 90, np.uint8), "no colour"),
        ("cousin.jpg", "got str"),
    ],
    ids=["gray", "floats", "gray in three channels", "a name"],
)
def test_what_is_no_photo_in_color_is_no_reference(
    colorizer: Colorizer, photo: np.ndarray, reference: object, told: str
) -> None:
    with pytest.raises(ValueError, match=told):
        colorizer.colorize(photo, reference=reference)
