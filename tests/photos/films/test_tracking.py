"""Faces followed through frames: no flicker, no lag, nothing carried over a cut."""

from collections.abc import Iterator

import cv2
import numpy as np
import pytest
import skimage.data

from colorgan.phases import PhaseTimes
from colorgan.photos.coloring.colorizer import Colorizer
from colorgan.photos.coloring.painting import paint
from colorgan.photos.films.tracking import FaceTracker
from colorgan.photos.films.video import FilmColorizer
from conftest import chroma_in
from films import RATE, SIZE, camera, seen


def colored_by(
    colorizer: Colorizer, frames: list[np.ndarray], as_film: bool
) -> Iterator[np.ndarray]:
    """The frames' chroma, `(2, h, w)`; each coloured by itself, unless they are of a film."""
    film = FilmColorizer(colorizer, RATE, False, PhaseTimes())
    for gray in frames:
        yield chroma_in(film.color(gray)[0] if as_film else colorizer.colorize(gray))


def on_face(chroma: np.ndarray, motion: np.ndarray) -> np.ndarray:
    """Chroma at cheeks, brow and chin, `(4, 2)`: means of 13 x 13 pixels, where grain is no more.

    A face of the clip has 40 pixels from eye to eye.
    """
    places = np.float64([[100, 67], [121, 67], [111, 42], [111, 85]])
    x, y = (places @ motion[:, :2].T + motion[:, 2]).T.astype(np.float32)
    blurred = cv2.blur(chroma.transpose(1, 2, 0), (13, 13))
    return cv2.remap(blurred, x, y, cv2.INTER_LINEAR)[:, 0]


def test_flicker_falls_to_less_than_half(colorizer: Colorizer, photo: np.ndarray) -> None:
    motions = [camera(at) for at in range(20)]
    frames = [seen(photo, motion, noise=8, seed=at) for at, motion in enumerate(motions)]
    spreads, steps = [], []
    for first, as_film in ((8, False), (0, True)):
        pairs = zip(colored_by(colorizer, frames[first:], as_film), motions[first:], strict=True)
        colors = np.array([on_face(chroma, motion) for chroma, motion in pairs])[8 - first :]
        assert np.hypot(*colors.mean(axis=(0, 1))) > 0.05
        spreads.append(colors.std(axis=0).mean())
        steps.append(np.abs(np.diff(colors, axis=0)).mean())
    assert spreads[1] < spreads[0] / 2
    assert steps[1] < steps[0] / 2


def test_nothing_of_the_old_scene_is_carried_over_a_cut(
    colorizer: Colorizer, photo: np.ndarray
) -> None:
    before = [seen(photo, camera(at)) for at in range(6)]
    coins = cv2.resize(skimage.data.coins(), SIZE)
    mirrored = seen(photo, camera(0) + [[0, 0, 60], [0, 0, 0]])[:, ::-1].copy()
    *_, tracked = colored_by(colorizer, [*before, coins], True)
    assert np.abs(tracked).max() < 1e-6, "no face, no color"
    *_, tracked = colored_by(colorizer, [*before, mirrored], True)
    faces = colorizer.find_faces(mirrored)
    chroma = colorizer.predict_chroma(mirrored, faces)
    expected = paint(mirrored, colorizer.oval_layers(mirrored, faces, chroma))
    np.testing.assert_array_equal(tracked, chroma_in(expected))
    assert np.abs(tracked).max() > 0.05, "a face, at once"


def test_the_color_of_a_moving_face_does_not_lag(colorizer: Colorizer, photo: np.ndarray) -> None:
    speed = 6  # pixels a frame: almost four times the eyes' distance in a second
    motions = [camera(0, speed) + [[0, 0, -60 + speed * at], [0, 0, 0]] for at in range(18)]
    frames = [seen(photo, motion, noise=4, seed=at) for at, motion in enumerate(motions)]
    colored = colored_by(colorizer, frames, True)
    centers = np.array([center(chroma) for chroma in colored])
    lags = centers[0] + speed * np.arange(18) - centers
    assert np.abs(lags).max() < 1.5, "pixels; a frame's lag would be 6"
    assert abs(np.mean(lags)) < 0.7


def center(chroma: np.ndarray) -> float:
    """The x around which color lies."""
    strength = np.hypot(*chroma).sum(axis=0)
    return float(strength @ np.arange(len(strength)) / strength.sum())


# The tracker's arithmetic, without a colorizer.


@pytest.fixture(scope="module")
def face(photo: np.ndarray, colorizer: Colorizer) -> np.ndarray:
    """The astronaut's five points, in frames of `camera(0)`."""
    return colorizer.find_faces(seen(photo, camera(0)))[0]


def test_a_face_that_is_not_found_goes_on_with_the_flow_and_fades(
    photo: np.ndarray, face: np.ndarray
) -> None:
    tracker, none = FaceTracker(RATE), np.empty((0, 5, 2), np.float32)
    opacities, errors, looked = [], [], []
    for at in range(20):
        motion = camera(0) + [[0, 0, -40 + 3 * at], [0, 0, 2 * at]]
        place = face + np.float32([-40 + 3 * at, 2 * at])
        looked.append(tracker.advance(seen(photo, motion, noise=4, seed=at)))
        if looked[-1]:
            tracker.correct(place[np.newaxis] if at == 0 else none)
        if len(tracker.faces()):
            opacities.append(tracker.opacity()[0])
            errors.append(np.abs(tracker.faces()[0] - place).max())
    assert looked[:5] == [True, False, False, False, False] and all(looked[5:18])
    assert opacities[:11] == [1.0] * 11
    assert 0.5 < opacities[12] < 0.8
    assert len(opacities) == 18, "gone after 0.7 s"
    assert max(errors) < 1.5


def test_a_new_face_fades_in_and_is_not_confused_with_another(
    photo: np.ndarray, face: np.ndarray
) -> None:
    tracker, gray = FaceTracker(RATE), seen(photo, camera(0))
    other = face + np.float32([120, 0])
    chroma = np.zeros((2, 2, 64, 64), np.float32)
    chroma[1] = 0.1
    for at in range(16):
        if tracker.advance(gray):
            tracker.correct(np.stack([other, face]) if at >= 5 else face[np.newaxis])
        count = len(tracker.faces())
        smooth = tracker.smooth(chroma[:count])
        assert count == (2 if at >= 5 else 1)
        assert (smooth == chroma[:count]).all()
    first, second = tracker.faces()
    assert np.abs(first - face).max() < 1 and np.abs(second - other).max() < 1
    assert tracker.opacity().tolist() == [1, 1]
    tracker = FaceTracker(RATE)
    for at in range(6):
        if tracker.advance(gray):
            tracker.correct(np.stack([face, other]) if at else face[np.newaxis])
    assert tracker.opacity() == pytest.approx([1, 1 / (0.3 * RATE)])


def test_jitter_of_points_and_chroma_is_damped_and_what_stays_is_followed(
    photo: np.ndarray, face: np.ndarray
) -> None:
    random, tracker, gray = np.random.default_rng(0), FaceTracker(RATE), seen(photo, camera(0))
    places, colors = [], []
    for at in range(120):
        shift = np.float32(0.6 if at >= 60 else 0)
        if tracker.advance(gray):
            jitter = random.normal(0, 0.8, face.shape).astype(np.float32)
            tracker.correct((face + jitter + 20 * shift)[np.newaxis])
        level = np.float32(shift + random.normal(0, 0.1))
        smooth = tracker.smooth(np.full((1, 2, 64, 64), level, np.float32))
        places.append(tracker.faces()[0].mean() - face.mean())
        colors.append(smooth.mean())
    assert np.std(colors[20:60]) < 0.035
    assert np.std(places[20:60]) < 0.8 / np.sqrt(10) / 1.5, "the mean of ten numbers jitters less"
    assert np.mean(places[80:]) == pytest.approx(12, abs=0.5)
    assert colors[60 + RATE] > 0.6 * (1 - np.exp(-1 / 0.4)) - 0.08


@pytest.mark.parametrize("change", [1.2, 0.8])
def test_a_change_of_light_is_no_cut(photo: np.ndarray, face: np.ndarray, change: float) -> None:
    tracker = FaceTracker(RATE)
    gray = seen(photo, camera(0))
    assert tracker.advance(gray)
    tracker.correct(face[np.newaxis])
    assert not tracker.advance(np.clip(gray * change, 0, 255).astype(np.uint8))
    assert len(tracker.faces()) == 1
