"""Faces side by side: pixel for pixel, chosen by rule."""

import cv2
import numpy as np

from colorgan.measuring.figures.canvas import png, save_png
from colorgan.measuring.figures.faces import (
    GRID_GAP,
    GROUP_GAP,
    HEADER_HEIGHT,
    LABEL_WIDTH,
    FaceGroup,
    choose_faces,
    face_figure,
    sample_grid,
    tile,
)


def faces(count: int, size: int = 8, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, 3, size, size), np.uint8)


def test_sample_grid_has_gray_generated_and_original_rows_with_white_gaps():
    gray, fake, real = faces(5)[:, 0], faces(5, seed=1), faces(5, seed=2)
    picture = sample_grid(gray, fake, real)
    gap, step = GRID_GAP, 8 + GRID_GAP
    assert picture.shape == (3 * step + gap, 5 * step + gap, 3)
    expected = np.full_like(picture, 255)
    for column in range(5):
        left = gap + column * step
        for row, image in enumerate((np.stack([gray[column]] * 3), fake[column], real[column])):
            top = gap + row * step
            expected[top : top + 8, left : left + 8] = image.transpose(1, 2, 0)
    assert (picture == expected).all()


def test_save_png_keeps_every_pixel_and_leaves_nothing_beside(tmp_path):
    picture = sample_grid(faces(2)[:, 0], faces(2, seed=1), faces(2, seed=2))
    save_png(tmp_path / "a.png", picture)
    assert (cv2.imread(str(tmp_path / "a.png")) == picture).all()
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_faces_are_chosen_by_rank():
    errors = np.array([5.0, 1.0, 9.0, 3.0, 7.0, 2.0, 8.0])
    chosen = choose_faces(errors, 3)
    assert errors[chosen["best"]].tolist() == [1, 2, 3]
    assert errors[chosen["median"]].tolist() == [3, 5, 7]
    assert errors[chosen["worst"]].tolist() == [9, 8, 7]


def test_random_faces_follow_the_seed_and_not_the_errors():
    errors = np.linspace(0, 1, 50)
    drawn = choose_faces(errors, 6, seed=3)["random"]
    assert len(set(drawn)) == 6
    assert (drawn == choose_faces(errors[::-1], 6, seed=3)["random"]).all()
    assert (drawn != choose_faces(errors, 6, seed=4)["random"]).any()


def test_fewer_faces_than_columns_are_all_shown():
    chosen = choose_faces(np.array([2.0, 1.0]), 4)
    assert {kind: sorted(indices) for kind, indices in chosen.items()} == dict.fromkeys(
        ("best", "median", "random", "worst"), [0, 1]
    )


def test_face_figure_shows_every_face_pixel_for_pixel():
    gray, fake, real = faces(2)[:, 0], faces(2, seed=1), faces(2, seed=2)
    rows = {"gray": gray, "generated": fake, "original": real}
    groups = [FaceGroup(title, rows, np.array([1.0, 2.0])) for title in ("one", "two")]
    picture = face_figure(groups, "The rule.\nIts second line.")
    pictures = [np.stack([row] * 3, -1) if row.ndim == 3 else np.moveaxis(row, 1, -1)
                for row in rows.values()]  # fmt: skip
    block = tile(pictures)
    height, width, _ = block.shape
    top, left = HEADER_HEIGHT, LABEL_WIDTH
    for _ in groups:
        assert (picture[top : top + height, left : left + width] == block).all()
        left += width + GROUP_GAP
    below = picture[top + height :]
    assert (below < 128).any(), "the rule and the values are printed below"
    assert (picture[:, :4] == 255).all() and (picture[-2:] == 255).all(), "no text is cut off"


def test_a_pictures_png_is_the_picture():
    picture = sample_grid(faces(2)[:, 0], faces(2, seed=1), faces(2, seed=2))
    content = np.frombuffer(png(picture), np.uint8)
    assert (cv2.imdecode(content, cv2.IMREAD_COLOR) == picture).all()


def test_a_long_label_has_the_room_that_it_needs():
    gray, values = faces(2)[:, 0], np.array([1.0, 2.0])
    short, long = (
        face_figure([FaceGroup("", {label: gray}, values)], "Rule")
        for label in ("gray", "a net of a long name")
    )
    extra = long.shape[1] - short.shape[1]
    assert extra > 0
    face = (slice(HEADER_HEIGHT, HEADER_HEIGHT + 8), slice(LABEL_WIDTH, LABEL_WIDTH + 20))
    assert (np.roll(long, -extra, axis=1)[face] == short[face]).all()
