"""Faces side by side: the paper's Figures 3 and 4, and the sample grids of a training."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure

from colorgan.measuring.figures.canvas import STYLE, drawn

Text = tuple[float, float, str, str]  # x, y, in pixels from the top left corner; text, alignment

GRID_GAP = 2  # white pixels between faces and around them

# Figures of faces, in pixels: CelebA's faces are shown no larger than twice 64x64.
FACE_DPI = 110
LABEL_WIDTH = 96  # at least; long labels take what they need
HEADER_HEIGHT = 30
GROUP_GAP = 18
LINE_HEIGHT = 19
LETTER_WIDTH = 8  # on average


def sample_grid(gray: np.ndarray, fake: np.ndarray, real: np.ndarray) -> np.ndarray:
    """Rows as in the paper's Figure 3: gray input, generated, original; a column a face.

    Takes gray uint8 `(n, h, w)`, fake and real uint8 BGR `(n, 3, h, w)`; returns a uint8 BGR
    picture with `GRID_GAP` white pixels between and around the faces.
    """
    return tile([_as_pictures(row) for row in (gray, fake, real)])


def tile(rows: list[np.ndarray]) -> np.ndarray:
    """One picture of rows of uint8 `(n, h, w, 3)` images, all of one shape, on white."""
    count, height, width, _ = rows[0].shape
    step_y, step_x = height + GRID_GAP, width + GRID_GAP
    shape = (len(rows) * step_y + GRID_GAP, count * step_x + GRID_GAP, 3)
    picture = np.full(shape, 255, np.uint8)
    for y, row in enumerate(rows):
        for x, image in enumerate(row):
            top, left = GRID_GAP + y * step_y, GRID_GAP + x * step_x
            picture[top : top + height, left : left + width] = image
    return picture


def choose_faces(errors: np.ndarray, count: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Choose faces by rule, from `errors` `(n,)`, an error each face: their indices, by kind.

    "best" and "worst" hold the `count` lowest and highest errors, "median" those around the middle
    rank, "random" a draw from all faces without replacement. Equal errors go by index.
    """
    count = min(count, len(errors))
    order = np.argsort(errors, kind="stable")
    middle = (len(errors) - count) // 2
    drawn = np.random.default_rng(seed).choice(len(errors), count, replace=False)
    return {
        "best": order[:count],
        "median": order[middle : middle + count],
        "random": np.sort(drawn),
        "worst": order[::-1][:count],
    }


@dataclass(frozen=True)
class FaceGroup:
    """Columns of a figure of faces, and what stands above and below them.

    `rows` maps each row's label to uint8 images, `(k, 3, h, w)` or gray `(k, h, w)`; `values`
    `(k,)` are printed below the columns.
    """

    title: str
    rows: dict[str, np.ndarray]
    values: np.ndarray


def face_figure(groups: Sequence[FaceGroup], caption: str) -> np.ndarray:
    """Draw groups of faces side by side, with the rule that chose them printed below.

    All groups have the same rows. Faces keep their size.
    """
    blocks = [tile([_as_pictures(row) for row in group.rows.values()]) for group in groups]
    block_height = blocks[0].shape[0]
    lines = caption.splitlines()
    longest = max(map(len, groups[0].rows))
    label_width = max(LABEL_WIDTH, LETTER_WIDTH * (longest + 2))
    width = max(
        label_width + sum(block.shape[1] + GROUP_GAP for block in blocks),
        GROUP_GAP + LETTER_WIDTH * max(map(len, lines)),
    )
    bottom = HEADER_HEIGHT + block_height
    picture = np.full((bottom + LINE_HEIGHT * (len(lines) + 2), width, 3), 255, np.uint8)
    row_height = block_height / len(groups[0].rows)
    texts: list[Text] = [
        (8, HEADER_HEIGHT + (row + 0.5) * row_height, label, "left")
        for row, label in enumerate(groups[0].rows)
    ]
    left = label_width
    for group, block in zip(groups, blocks, strict=True):
        block_width = block.shape[1]
        picture[HEADER_HEIGHT:bottom, left : left + block_width] = block
        texts.append((left + block_width / 2, HEADER_HEIGHT / 2, group.title, "center"))
        column_width = block_width / len(group.values)
        texts += [
            (
                left + (column + 0.5) * column_width,
                bottom + LINE_HEIGHT / 2,
                f"{value:.1f}",
                "center",
            )
            for column, value in enumerate(group.values)
        ]
        left += block_width + GROUP_GAP
    texts += [
        (8, bottom + LINE_HEIGHT * (1.8 + row), line, "left") for row, line in enumerate(lines)
    ]
    return _with_texts(picture, texts)


def _as_pictures(images: np.ndarray) -> np.ndarray:
    """Planar BGR or gray faces as `(n, h, w, 3)`."""
    if images.ndim == 3:
        images = np.repeat(images[:, None], 3, axis=1)
    return np.moveaxis(images, 1, -1)


def _with_texts(picture: np.ndarray, texts: list[Text]) -> np.ndarray:
    """Write texts into a picture."""
    height, width = picture.shape[:2]
    with rc_context(STYLE):
        figure = Figure(figsize=(width / FACE_DPI, height / FACE_DPI), dpi=FACE_DPI)
        figure.figimage(picture[..., ::-1])
        for x, y, text, alignment in texts:
            figure.text(x / width, 1 - y / height, text, ha=alignment, va="center")
        return drawn(figure)
