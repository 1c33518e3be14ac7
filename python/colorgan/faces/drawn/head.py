"""Where each pixel of the frame is on the head, and where things are on a face."""

from copy import copy

import numpy as np

from colorgan.faces.drawn.brush import HEIGHT, WIDTH, Plane, half_width_at, inside
from colorgan.faces.drawn.traits import FaceTraits

Window = tuple[slice, slice]  # rows and columns of the frame

EYES_X, EYES_Y = 88.5, 111.0  # middle between the eyes in CelebA's aligned frame
EYE_OFFSET = 20.0  # half the distance between the eyes
MOUTH_Y = 41.0


class Head:
    """Where each pixel is on the head.

    `x` and `y` are face coordinates in the picture's plane; `view_x` is relative to the head's
    middle; `face_x` is on the face's surface, so that features drawn with it turn with the head;
    `front` is 1 where the face looks at the viewer, and 0 at its side and beyond.
    """

    def __init__(self, traits: FaceTraits) -> None:
        columns, rows = np.meshgrid(
            np.arange(WIDTH, dtype=np.float32), np.arange(HEIGHT, dtype=np.float32)
        )
        dx = columns - np.float32(EYES_X + traits.shift[0])
        dy = rows - np.float32(EYES_Y + traits.shift[1])
        cosine = np.float32(np.cos(traits.roll) / traits.scale)
        sine = np.float32(np.sin(traits.roll) / traits.scale)
        self.x = cosine * dx + sine * dy
        self.y = cosine * dy - sine * dx
        # The eyes stay in CelebA's place when the head turns, so the head's middle shifts.
        self.middle_x = -0.8 * traits.cheek_width * float(np.sin(traits.yaw))
        self.view_x = self.x - np.float32(self.middle_x)
        self.half_width = half_width_at(self.y, self._outline(traits))
        side = np.clip(self.view_x / np.maximum(self.half_width, 1), -1, 1)
        longitude = np.arcsin(side) - np.float32(traits.yaw)
        self.face_x = np.maximum(self.half_width, 20) * np.sin(longitude)
        self.front = np.clip(np.cos(longitude) * 2, 0, 1)
        self.roundness = np.sqrt(1 - side * side)

    @staticmethod
    def _outline(traits: FaceTraits) -> list[tuple[float, float]]:
        cheek, jaw, chin = traits.cheek_width, traits.jaw_width, traits.chin_y
        return [
            (-74, 0),
            (-66, 22),
            (-54, 33),
            (-40, 0.93 * cheek),
            (-22, cheek),
            (0, cheek),
            (18, 0.97 * cheek),
            (36, 0.88 * cheek * jaw),
            (0.72 * chin, 0.76 * cheek * jaw),
            (0.87 * chin, 0.55 * cheek * jaw),
            (0.95 * chin, 0.36 * cheek * jaw),
            (chin, 0),
        ]

    def part(self, window: Window) -> "Head":
        """The same head in a window of the frame."""
        part = copy(self)
        for name, value in vars(self).items():
            if isinstance(value, np.ndarray):
                setattr(part, name, value[window])
        return part

    def mask(self) -> Plane:
        """1 on the head, without hair and ears."""
        return inside(self.half_width - np.abs(self.view_x), 1.4)
