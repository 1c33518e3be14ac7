"""Hands are found where a person's may be, whichever way they are turned."""

import cv2
import numpy as np
import pytest

from colorgan.faces.celeba.landmarks import CELEBA_POINTS
from colorgan.faces.finding.hand_detector import Hand, HandDetector
from colorgan.faces.finding.similarity import transformed
from drawn_hands import TIPS, WRIST, with_hand

SCALE = 0.3  # of the drawn hand


@pytest.fixture(scope="module")
def detector() -> HandDetector:
    return HandDetector()


def face_at(x: float, y: float, scale: float = 1.0) -> np.ndarray:
    """The points of a face there, as large as CELEBA_POINTS at scale 1: `(5, 2)`."""
    return (CELEBA_POINTS - CELEBA_POINTS.mean(axis=0)) * scale + (x, y)


def place(x: float, y: float, degrees: float) -> np.ndarray:
    """Takes the drawn hand to a photo, its middle at x and y: `(2, 3)`."""
    turned = cv2.getRotationMatrix2D((200, 250), degrees, SCALE)
    return turned + np.array([[0, 0, x - 200], [0, 0, y - 250]])


def photo_of_hand(degrees: float = 0) -> np.ndarray:
    wall = np.full((500, 500), 60, np.uint8)
    return with_hand(wall, place(250, 330, degrees))[0]


@pytest.mark.parametrize("degrees", [0, 100, 200, 300])
def test_a_hand_is_found_with_its_points_whichever_way_it_is_turned(
    detector: HandDetector, degrees: float
) -> None:
    (hand,) = detector.detect(photo_of_hand(degrees), face_at(250, 120)[np.newaxis])
    assert hand.face == 0 and hand.score > 0.9
    expected = transformed(np.array([WRIST, *TIPS]), place(250, 330, degrees))
    off = np.linalg.norm(hand.points[[0, 4, 8, 12, 16, 20]] - expected, axis=1)
    assert off.max() < 60 * SCALE, off


def test_a_hand_that_two_faces_see_is_of_the_nearer_one(detector: HandDetector) -> None:
    photo = photo_of_hand()
    for near in (0, 1):
        faces = np.stack([face_at(60, 60), face_at(250, 120)])[:: 1 if near else -1]
        assert [hand.face for hand in detector.detect(photo, faces)] == [near]


def test_no_hand_is_found_where_the_face_is_much_larger_or_tiny_or_none(
    detector: HandDetector,
) -> None:
    photo = photo_of_hand()
    for faces in (face_at(250, 120, 3.5)[np.newaxis], face_at(250, 250, 0.3)[np.newaxis], []):
        assert detector.detect(photo, np.reshape(faces, (-1, 5, 2))) == []


def test_portraits_without_hands_have_none(detector: HandDetector, photo: np.ndarray) -> None:
    hands: list[Hand] = detector.detect(photo, face_at(112, 63, 0.6)[np.newaxis])
    assert hands == []
