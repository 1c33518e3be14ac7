"""The five points of a face: where they are in CelebA, its list of them, and the yaw they show.

The points are the left eye, the right eye, the tip of the nose, the left and the right corner of
the mouth. Left and right are the viewer's, as in CelebA's list.
"""

import math
from pathlib import Path

import numpy as np

from colorgan.errors import UserError
from colorgan.faces.celeba.aligned import image_number
from colorgan.faces.celeba.lists import check_count, fields_of, read_list

POINTS = ("lefteye", "righteye", "nose", "leftmouth", "rightmouth")

CELEBA_POINTS = np.array(
    [[70.10, 112.12], [108.04, 112.60], [88.00, 134.89], [72.43, 152.83], [104.21, 153.30]],
    np.float32,
)
"""The mean of where `FaceDetector` finds the five points in CelebA's aligned images: `(5, 2)`.

In pixels of 178 x 218. `colorgan measure-detection` measured it when photos were still searched at
fewer sizes. Today's means, in data/results/detection.json, are within 0.4 pixels of these.
"""

_COLUMNS = [f"{point}_{axis}" for point in POINTS for axis in "xy"]


def read_landmarks(path: Path) -> dict[int, np.ndarray]:
    """Read CelebA's `list_landmarks_align_celeba`: image number to float64 points `(5, 2)`.

    Points are (x, y) in pixels of the aligned image of 178 x 218. The authors' text file begins
    with the number of images; Kaggle's CSV does not. Then come the column names, and lines of
    `000001.jpg` and ten coordinates. Raises `UserError` for a file that cannot be read, a malformed
    line, an image listed twice, or a number of images that does not match.
    """
    listed = read_list(path, "list of landmarks")
    names = [name for name in listed.columns if name != "image_id"]
    if not names and listed.count is None:
        raise UserError(
            f"{path}, line 1: expected the number of images, or the column names; "
            "is it the aligned list?"
        )
    if names != _COLUMNS:
        at = 1 if listed.count is None else 2
        raise UserError(f"{path}, line {at}: expected the column names {' '.join(_COLUMNS)}")
    found: dict[int, np.ndarray] = {}
    for at, line in listed.rows:
        number, points = _landmark_row(path, at, line)
        if number in found:
            raise UserError(f"{path}, line {at}: lists image {number:06d} a second time")
        found[number] = points
    check_count(path, listed, len(found))
    return found


def _landmark_row(path: Path, line_number: int, line: str) -> tuple[int, np.ndarray]:
    name, *fields = fields_of(line)
    number = image_number(name)
    try:
        values = [float(field) for field in fields]
    except ValueError:
        values = []
    if number is None or len(values) != len(_COLUMNS) or not all(map(math.isfinite, values)):
        raise UserError(
            f"{path}, line {line_number}: expected '000001.jpg' and {len(_COLUMNS)} numbers, "
            f"not {line[:40]!r}"
        )
    return number, np.array(values).reshape(len(POINTS), 2)


def yaw(points: np.ndarray) -> np.ndarray:
    """How far heads are turned to the side, from points `(..., 5, 2)`: `(...)`, 0 from the front.

    This is the signed distance of the nose's tip from the line through the midpoints of the eyes
    and of the mouth, in units of the distance between those midpoints. It is positive if the nose
    points to the viewer's right, and NaN if the midpoints coincide.

    As the nose sticks out of the face, its distance grows with the sine of the angle, up to the
    profile, while the distance of the midpoints hardly changes. The distance between the eyes, the
    more usual unit, shrinks to nothing there, and the direction of their axis is lost with it.
    Shifting, scaling and rolling the image changes nothing; mirroring it only changes the sign.
    """
    eyes = points[..., 0:2, :].mean(axis=-2)
    down = points[..., 3:5, :].mean(axis=-2) - eyes
    nose = points[..., 2, :] - eyes
    across = down[..., 1] * nose[..., 0] - down[..., 0] * nose[..., 1]
    square = np.square(down).sum(axis=-1)
    return np.divide(across, square, out=np.full(square.shape, np.nan), where=square > 0)
