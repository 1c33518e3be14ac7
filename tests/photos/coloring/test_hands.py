"""A hand gets the colour of its person's face, up to the hand's own edges."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from colorgan.faces.celeba.images import ImageReader, open_source
from colorgan.faces.celeba.landmarks import CELEBA_POINTS
from colorgan.faces.finding.hand_detector import HandDetector
from colorgan.photos.coloring.colorizer import Colorizer
from colorgan.photos.coloring.hands import hand_layer, skin_tone
from colorgan.photos.coloring.painting import paint
from conftest import chroma_in
from drawn_hands import drawn_hand, with_hand

TONE = np.float32([-0.05, 0.1])

# The first of CelebA's validation images in which hands are found: 31 of 2,044 are such.
WITH_HANDS = np.array(
    [163171, 166058, 166231, 166471, 166640, 167549, 167828, 168191]
    + [169069, 169893, 170039, 170229, 170954, 171535, 171867, 172363]
)


@pytest.fixture(scope="module")
def points() -> np.ndarray:
    """The points of the drawn hand, as they are found."""
    face = (CELEBA_POINTS - CELEBA_POINTS.mean(axis=0)) * 3 + (200, -150)
    wide = cv2.copyMakeBorder(drawn_hand()[0], 400, 400, 400, 400, cv2.BORDER_CONSTANT, value=60)
    (hand,) = HandDetector().detect(wide, face[np.newaxis] + 400)
    return hand.points - 400


def share(gray: np.ndarray, points: np.ndarray, faces: tuple[np.ndarray, ...] = ()) -> np.ndarray:
    """How much of TONE each pixel gets."""
    return chroma_in(paint(gray, [hand_layer(gray, points, TONE, faces)]))[1] / TONE[1]


@pytest.mark.parametrize("levels", [(200, 60), (90, 190)])
def test_color_covers_the_hand_and_its_forearm_and_ends_at_their_edges(
    points: np.ndarray, levels: tuple[int, int]
) -> None:
    gray, hand = drawn_hand(levels)
    colored = share(gray, points)
    inside = cv2.erode(hand.astype(np.uint8), np.ones((15, 15))) > 0
    outside = cv2.dilate(hand.astype(np.uint8), np.ones((15, 15))) == 0
    assert colored[inside].mean() > 0.95 and (colored[inside] > 0.5).mean() > 0.99
    assert np.abs(colored[outside]).mean() < 0.03 and (colored[outside] > 0.5).mean() < 0.01


def test_without_edges_color_stays_near_the_fingers(points: np.ndarray) -> None:
    colored = share(np.full((600, 600), 128, np.uint8), points + 100)
    assert colored[390:410, 290:320].min() > 0.95
    border = np.concatenate(
        [colored[:80].ravel(), colored[:, :60].ravel(), colored[:, 500:].ravel()]
    )
    assert np.abs(border).max() < 0.02


def test_a_stick_before_a_hand_is_not_colored_with_it(points: np.ndarray) -> None:
    gray, _ = drawn_hand()
    gray[280:310] = 20
    assert share(gray, points)[285:305].max() < 0.2


def test_a_hand_before_a_face_leaves_that_as_it_is(points: np.ndarray) -> None:
    gray, _ = drawn_hand()
    face = np.array([[1, 0, 116.0], [0, 1, 180]])  # its crop's middle at the palm
    colored = share(gray, points, (face,))
    assert np.abs(colored[230:315, 190:215]).max() < 0.02
    assert colored[120:150, 185:195].min() > 0.9  # of the middle finger


def test_hands_at_the_photos_border_and_beyond_it_are_colored(points: np.ndarray) -> None:
    gray, _ = drawn_hand()
    for part in (gray[:, :150], gray[:200], gray[:3, :3]):
        layer = hand_layer(np.ascontiguousarray(part), points, TONE)
        assert np.isfinite(layer.maps).all() and np.isfinite(layer.opacity).all()


def test_the_tone_is_that_of_cheeks_and_nose() -> None:
    chroma = np.full((2, 64, 64), 0.4, np.float32)
    chroma[:, 24:56, 20:45] = TONE[:, np.newaxis, np.newaxis]
    np.testing.assert_allclose(skin_tone(chroma), TONE, atol=1e-6)


def test_photos_get_hands_in_the_colors_of_the_face(
    colorizer: Colorizer, photo: np.ndarray
) -> None:
    wide = cv2.copyMakeBorder(photo, 0, 60, 0, 0, cv2.BORDER_CONSTANT, value=70)
    gray, hand = with_hand(wide, np.array([[0.22, 0, 75.0], [0, 0.22, 210]]))
    palm = cv2.erode(hand.astype(np.uint8), np.ones((9, 9))) > 0
    colored = colorizer.colorize(gray)
    chroma = chroma_in(colored)
    assert chroma[1][palm].mean() > 0.02 > -0.01 > chroma[0][palm].mean()
    np.testing.assert_allclose(
        chroma[:, palm].mean(axis=1), chroma[:, 55:80, 100:125].mean(axis=(1, 2)), atol=0.04
    )
    np.testing.assert_array_equal(cv2.cvtColor(colored, cv2.COLOR_BGR2GRAY), gray)


def test_hands_in_real_photographs_come_nearer_to_their_colors(
    colorizer: Colorizer, celeba: Path
) -> None:
    source = open_source(celeba)
    entries, missing = source.find(WITH_HANDS)
    with ImageReader(source.containers) as reader:
        files = [reader.read(tuple(entry)) for entry in entries]
    assert not missing.size
    face = CELEBA_POINTS[np.newaxis].astype(float)
    errors = []
    for data in files:
        real = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        gray = cv2.cvtColor(real, cv2.COLOR_BGR2GRAY)
        chroma = colorizer.predict_chroma(gray, face)
        layers = colorizer.head_layers(gray, face, chroma)
        without = chroma_in(paint(gray, layers))
        colored = chroma_in(paint(gray, layers + colorizer.hand_layers(gray, face, chroma)))
        hand = np.abs(colored - without).max(axis=0) > 0.01
        assert hand.sum() > 1000
        off = [np.abs(fake - chroma_in(real))[:, hand].mean() for fake in (without, colored)]
        errors.append(off)
    before, after = np.transpose(errors)
    assert after.mean() < min(0.036, 0.7 * before.mean())
    assert (after < before).sum() >= 13
