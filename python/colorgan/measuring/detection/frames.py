"""The frames to find faces in: CelebA's faces, laid into them at a known size and place."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import skimage.data

from colorgan.faces.celeba.aligned import IMAGE_HEIGHT, IMAGE_WIDTH
from colorgan.faces.finding.similarity import nearest_similarity, transformed

EYES = np.array([(69.5, 111.5), (108, 111.5)])  # where CelebA's alignment puts them
FACE_MIDDLE = np.array([88.75, 128])
FACE_HEIGHT = 2.7  # eye distances from the chin to the hair
TILE = 22  # pixels; less than between two eyes
PLACES = (
    *("brick", "cell", "cat", "clock", "coffee", "colorwheel", "grass", "gravel", "horse"),
    *("hubble_deep_field", "immunohistochemistry", "moon", "page", "retina", "rocket", "text"),
)


@dataclass(frozen=True)
class Case:
    """How a face is laid into a frame."""

    name: str
    eyes: float = 40
    """Pixels from eye to eye."""
    degrees: float = 0
    size: tuple[int, int] = (640, 480)
    """Width and height of the frame, in pixels."""
    middle: tuple[float, float] = (0.5, 0.5)
    """Where the middle of the face is, in fractions of the frame."""

    def lay(self, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Make a frame with the face of an aligned image, gray or BGR; and its eyes, `(2, 2)`."""
        turn = self.eyes / np.ptp(EYES[:, 0]) * np.exp(1j * np.deg2rad(self.degrees))
        place = np.multiply(self.middle, self.size)
        ends = (FACE_MIDDLE + [1, 0], FACE_MIDDLE)
        to_frame = nearest_similarity(
            np.array(ends), np.array([place + [turn.real, turn.imag], place])
        )
        shrink = min(1, abs(turn))
        small = cv2.resize(image, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
        from_small = to_frame.copy()
        from_small[:, :2] *= np.divide(image.shape[1::-1], small.shape[1::-1])
        center = np.full(2, 0.5)
        of_pixels = np.c_[from_small[:, :2], transformed(center, from_small) - center]
        border = cv2.BORDER_REPLICATE
        frame = cv2.warpAffine(small, of_pixels, self.size, None, cv2.INTER_LINEAR, border)
        return frame, transformed(EYES, to_frame)


TWELVE_MEGAPIXELS = (4000, 3000)
CASES = (
    *(Case(f"tilted by {tilt}", degrees=tilt) for tilt in (0, 15, 30, 45, 60, 90, 135, 180)),
    *(Case(f"eyes {eyes} pixels apart", eyes=eyes) for eyes in (6, 8, 12, 20, 80, 160)),
    *(Case(f"eyes 12 pixels apart, tilted by {tilt}", 12, tilt) for tilt in (45, 90)),
    Case("12 megapixels, filled", 3000 / FACE_HEIGHT, size=TWELVE_MEGAPIXELS),
    Case("12 megapixels, 3 % of the height", 90 / FACE_HEIGHT, size=TWELVE_MEGAPIXELS),
    Case("half beyond the left border", 60, middle=(0, 0.5)),
    Case("half below the lower border", 60, middle=(0.5, 1)),
)
AS_IT_IS = Case(
    "CelebA's image as it is",
    np.ptp(EYES[:, 0]),
    size=(IMAGE_WIDTH, IMAGE_HEIGHT),
    middle=tuple(FACE_MIDDLE / [IMAGE_WIDTH, IMAGE_HEIGHT]),
)


@dataclass(frozen=True)
class Crowd:
    """Many faces in one large frame, over pictures without people."""

    name: str
    size: tuple[int, int]
    """Width and height of the frame, in pixels."""
    faces: Sequence[tuple[float, int]]
    """Each face's pixels from eye to eye, and its quarter turns to the right."""

    def lay(
        self, grays: Sequence[np.ndarray], random: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Make a frame with the faces of aligned images; returns it and their eyes, `(n, 2, 2)`.

        Each is at a random place in its own cell of a grid that fills the frame. No image is used
        twice before all have been used.
        """
        width, height = self.size
        columns = int(np.ceil(np.sqrt(len(self.faces) * width / height)))
        rows = int(np.ceil(len(self.faces) / columns))
        cell = np.array([width / columns, height / rows])
        frame, places, order = wallpaper(self.size), [], random.permutation(len(grays))
        for at, (apart, quarters) in enumerate(self.faces):
            face, eyes = _turned_face(grays[order[at % len(order)]], apart, quarters)
            room = cell - face.shape[::-1]
            corner = (cell * [at % columns, at // columns] + random.random(2) * room).astype(int)
            (left, top), (right, bottom) = corner, corner + face.shape[::-1]
            frame[top:bottom, left:right] = face
            places.append(eyes + corner)
        return frame, np.array(places)


def _turned_face(gray: np.ndarray, apart: float, quarters: int) -> tuple[np.ndarray, np.ndarray]:
    """Scale an aligned image to eyes `apart` pixels apart, and turn it; and its eyes, `(2, 2)`."""
    scale = apart / np.ptp(EYES[:, 0])
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    face, eyes = cv2.resize(gray, None, fx=scale, fy=scale, interpolation=how), EYES * scale
    for _ in range(quarters):
        eyes = np.stack([face.shape[0] - eyes[:, 1], eyes[:, 0]], axis=1)
        face = np.rot90(face, -1)
    return face, eyes


def wallpaper(size: tuple[int, int]) -> np.ndarray:
    """A gray picture of this width and height, tiled with pictures without people."""
    strip = [cv2.resize(one, (400 * one.shape[1] // one.shape[0], 400)) for one in places()]
    row, (width, height) = np.hstack(strip), size
    rows = [np.roll(row, 977 * at, axis=1) for at in range(-(-height // 400))]
    return np.tile(np.vstack(rows)[:height], (1, -(-width // row.shape[1])))[:, :width].copy()


CROWDS = (
    Crowd("7200 x 4000 pixels, 500 faces, eyes 38 pixels apart", (7200, 4000), [(38.5, 0)] * 500),
    *(
        Crowd(f"{name}, eyes 12 pixels apart, turned by {90 * turn}", size, [(12, turn)] * 300)
        for name, size in (("12 megapixels", (4000, 3000)), ("100 megapixels", (11600, 8620)))
        for turn in range(4)
    ),
    Crowd(
        "a page of 48 prints, large and small, turned by 0, 90, 180, 270",
        (7000, 5000),
        [(eyes, turn) for eyes in (130, 100, 60, 30, 20, 12) for turn in range(4)] * 2,
    ),
)


def places() -> Iterator[np.ndarray]:
    """Gray photographs and drawings without people, from scikit-image."""
    for name in PLACES:
        image = np.asarray(getattr(skimage.data, name)(), np.uint8)
        yield image if image.ndim == 2 else cv2.cvtColor(image[..., :3], cv2.COLOR_RGB2GRAY)


def tiles_of(gray: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """An aligned image with its tiles in disorder: skin, eyes and hair, but no face."""
    rows, columns = (side // TILE for side in gray.shape)
    cut = gray[: rows * TILE, : columns * TILE].reshape(rows, TILE, columns, TILE)
    tiles = random.permutation(cut.transpose(0, 2, 1, 3).reshape(-1, TILE, TILE))
    return (
        tiles.reshape(rows, columns, TILE, TILE)
        .transpose(0, 2, 1, 3)
        .reshape(cut.shape[0] * TILE, -1)
    )
