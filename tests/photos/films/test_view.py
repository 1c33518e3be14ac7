"""What is outside of faces keeps its colours while the view moves and faces come and go."""

from collections.abc import Iterator

import cv2
import numpy as np
import pytest
import skimage.data

from colorgan.phases import PhaseTimes
from colorgan.photos.coloring.colorizer import Colorizer
from colorgan.photos.coloring.reference import Reference
from colorgan.photos.films.video import FilmColorizer
from colorgan.photos.films.view import ViewSmoother
from conftest import chroma_in
from films import RATE

SPEED = 3  # pixels a frame, of the view


@pytest.fixture(scope="module")
def backdrop() -> np.ndarray:
    pictures = (skimage.data.coins(), skimage.data.brick(), skimage.data.grass())
    return np.hstack([cv2.resize(picture, (300, 256)) for picture in pictures])


@pytest.fixture(scope="module")
def entering(photo: np.ndarray, backdrop: np.ndarray) -> list[np.ndarray]:
    """The backdrop goes by, and a face comes in from the right; with grain."""
    face, frames = cv2.resize(photo[20:120, 65:155], (150, 166)), []
    for at in range(24):
        frame = backdrop[:, 100 + SPEED * at :][:, :320].astype(float)
        left = edge(at)
        frame[60:226, left:] = face[:, : 320 - left]
        grain = np.random.default_rng(at).normal(0, 4, frame.shape)
        frames.append(np.clip(np.rint(frame + grain), 0, 255).astype(np.uint8))
    return frames


def edge(at: int) -> int:
    """Where the face begins, in pixels of the frame, `at` frames on."""
    return int(np.clip(320 - 20 * (at - 4), 170, 320))


def as_film(
    colorizer: Colorizer, frames: list[np.ndarray], reference: Reference | None = None
) -> Iterator[np.ndarray]:
    film = FilmColorizer(colorizer, RATE, reference is None, PhaseTimes(), reference)
    return (chroma_in(film.color(gray)[0]) for gray in frames)


def changes(chroma: list[np.ndarray]) -> np.ndarray:
    """Mean changes from frame to frame at places of the backdrop, in levels of 255."""
    blurred = [cv2.blur(planes.transpose(1, 2, 0), (9, 9))[10:-10] for planes in chroma]
    found = []
    for at, (before, now) in enumerate(zip(blurred, blurred[1:], strict=False)):
        right = edge(at + 1) - 40  # the face's own colour reaches that far
        way = now[:, 10 : right - SPEED] - before[:, 10 + SPEED : right]
        found.append(255 * np.abs(way).mean())
    return np.array(found)


def test_a_face_that_enters_a_moving_view_does_not_change_the_colors_behind_it(
    colorizer: Colorizer, entering: list[np.ndarray]
) -> None:
    alone = changes([chroma_in(colorizer.colorize(gray, whole=True)) for gray in entering[10:16]])
    film = list(as_film(colorizer, entering))
    assert alone.max() > 1.5, "the jump that is to be held down"
    assert changes(film)[2:].max() < 0.4  # the first frames have nothing to be smoothed by
    assert changes(film).max() < 0.8
    assert changes(film).mean() < 0.2
    assert 255 * np.abs(film[-1]).mean() > 4, "in colour"


def test_the_colors_of_a_reference_are_as_steady(
    colorizer: Colorizer, entering: list[np.ndarray]
) -> None:
    coffee = skimage.data.coffee()[..., ::-1].copy()
    alone = changes(
        [chroma_in(colorizer.colorize(gray, reference=coffee)) for gray in entering[10:13]]
    )
    film = list(as_film(colorizer, entering, colorizer.reference_of(coffee)))
    assert alone.max() > 1.5, "the jump that is to be held down"
    assert changes(film).max() < 0.5
    assert changes(film).mean() < 0.25
    assert 255 * np.abs(film[-1]).mean() > 20, "in colour"


def test_after_a_cut_the_view_starts_over(
    colorizer: Colorizer, entering: list[np.ndarray], backdrop: np.ndarray
) -> None:
    other = np.ascontiguousarray(backdrop[::-1, 580:900])
    *_, after = as_film(colorizer, [*entering[:6], other])
    (first,) = as_film(colorizer, [other])
    np.testing.assert_array_equal(after, first)


def test_chroma_moves_with_the_view_and_its_noise_is_damped(backdrop: np.ndarray) -> None:
    smoother, random = ViewSmoother(RATE), np.random.default_rng(0)
    left = np.linspace(-0.1, 0.1, 900, dtype=np.float32)
    errors = []
    for at in range(30):
        gray = np.ascontiguousarray(backdrop[:, SPEED * at :][:, :320])
        truth = cv2.resize(left[np.newaxis, SPEED * at :][:, :320], (80, 64))
        noise = random.normal(0, 0.02, (2, 64, 80)).astype(np.float32)
        smooth = smoother.smooth(gray, np.stack([truth, -truth]) + noise, is_cut=False)
        errors.append(smooth - [truth, -truth])
    last = np.array(errors[15:])
    assert last[..., 8:-8, 8:-8].std() < 0.02 / 3
    assert abs(last[..., 8:-8, 8:-8].mean(axis=(0, 2, 3))).max() < 0.001, "no lag"
