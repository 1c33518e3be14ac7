"""The film that the tests of videos and of tracking share: a still face, a moving camera, grain."""

import cv2
import numpy as np

RATE = 25
FACE = np.float64([222, 130])  # the middle of the astronaut's face
SIZE = 320, 256


def camera(at: float, speed: float = 0) -> np.ndarray:
    """Takes points of the photo to a frame, after `at` frames of a pan, a zoom and a roll."""
    motion = cv2.getRotationMatrix2D(FACE.tolist(), 1.5 * np.sin(at / 7), 1 + 0.03 * np.sin(at / 9))
    motion[:, 2] += [160 - FACE[0] + 4 * np.sin(at / 6) + speed * at, 128 - FACE[1]]
    return motion


def seen(photo: np.ndarray, motion: np.ndarray, noise: float = 0, seed: int = 0) -> np.ndarray:
    frame = cv2.warpAffine(photo, motion, SIZE, borderMode=cv2.BORDER_REPLICATE)
    grain = np.random.default_rng(seed).normal(0, noise, frame.shape)
    return np.clip(np.rint(frame + grain), 0, 255).astype(np.uint8)
