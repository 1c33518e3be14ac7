"""CelebA's list of landmarks, and the turn that five points show."""

import codecs
import re

import numpy as np
import pytest

from colorgan.errors import UserError
from colorgan.faces.celeba.landmarks import read_landmarks, yaw

COLUMNS = (
    "lefteye_x lefteye_y righteye_x righteye_y nose_x nose_y "
    "leftmouth_x leftmouth_y rightmouth_x rightmouth_y"
)
LINE = "000001.jpg 69  109  106  113   77  142   73  152  108  154"
OTHER = "000007.jpg 70.5 112 108 -1 88 128 74 156 102 158"


def head(angle: float) -> np.ndarray:
    """The five points of a head, turned to the viewer's right by an angle in degrees.

    Orthographic; in units of the eyes' distance, with a nose of 0.5 and a mouth of 0.15 before the
    plane of the eyes.
    """
    x, y, depth = np.array(
        [(-0.5, 0, 0), (0.5, 0, 0), (0, 0.6, 0.5), (-0.4, 1.1, 0.15), (0.4, 1.1, 0.15)]
    ).T
    turn = np.deg2rad(angle)
    return np.stack([x * np.cos(turn) + depth * np.sin(turn), y], axis=1)


def test_the_list_gives_five_points_an_image(tmp_path):
    path = tmp_path / "list.txt"
    path.write_text(f"2\n{COLUMNS} \n{LINE}\n{OTHER}\n")
    found = read_landmarks(path)
    assert list(found) == [1, 7]
    assert found[1].tolist() == [[69, 109], [106, 113], [77, 142], [73, 152], [108, 154]]
    assert found[7][0].tolist() == [70.5, 112]
    assert found[7][1].tolist() == [108, -1]


@pytest.mark.parametrize("mark", [b"", codecs.BOM_UTF8])
@pytest.mark.parametrize("end", ["\n", "\r\n", " \t\r\n", "\n\n"])
@pytest.mark.parametrize("quote", ["", '"'])
@pytest.mark.parametrize("comma", [",", ";", ", "])
def test_a_csv_of_the_list_gives_the_same_points(tmp_path, mark, end, quote, comma):
    rows = [["image_id", *COLUMNS.split()], LINE.split(), OTHER.replace("jpg", "JPG").split()]
    lines = [comma.join(f"{quote}{field}{quote}" for field in row) for row in rows]
    path = tmp_path / "list_landmarks_align_celeba.csv"
    path.write_bytes(mark + end.join([*lines, ""]).encode())
    text = tmp_path / "list_landmarks_align_celeba.txt"
    text.write_text(f"2\n{COLUMNS} \n{LINE}\n{OTHER}\n")
    found, expected = read_landmarks(path), read_landmarks(text)
    assert found.keys() == expected.keys()
    assert all((found[number] == expected[number]).all() for number in expected)


@pytest.mark.parametrize(
    ("text", "place", "what"),
    [
        ("", "line 1", "number of images"),
        (f"{LINE}\n{OTHER}\n", "line 1", "number of images"),
        (f"3\n{COLUMNS}\n{LINE}\n{OTHER}\n", "line 1", "says 3 images, but 2 follow"),
        (f"2\n{LINE}\n{OTHER}\n", "line 2", "column names"),
        (f"2\n{COLUMNS}\n{LINE}\n{OTHER} 3\n", "line 4", "10 numbers"),
        (f"2\n{COLUMNS}\n{LINE}\n{OTHER[:-4]}\n", "line 4", "10 numbers"),
        (f"2\n{COLUMNS}\n{LINE}\n{OTHER.replace('158', 'nan')}\n", "line 4", "10 numbers"),
        (f"2\n{COLUMNS}\n{LINE}\n{OTHER.replace('158', 'x')}\n", "line 4", "10 numbers"),
        (f"2\n{COLUMNS}\n{OTHER.replace('jpg', 'txt')}\n{LINE}\n", "line 3", "000001.jpg"),
        (f"2\n{COLUMNS}\n{LINE}\n\n", "line 1", "says 2 images, but 1 follow"),
        (f"image_id,lefteye_x\n{LINE}\n", "line 1", "column names"),
        (f"2\n{COLUMNS}\n{LINE}\n{LINE}\n", "line 4", "image 000001 a second time"),
    ],
)
def test_a_bad_list_is_reported_with_its_file_and_line(tmp_path, text, place, what):
    path = tmp_path / "list.txt"
    path.write_text(text)
    with pytest.raises(UserError, match=f"^{re.escape(str(path))}, {place}: .*{re.escape(what)}"):
        read_landmarks(path)


def test_a_list_that_is_no_text_is_reported_with_its_file(tmp_path):
    path = tmp_path / "list.txt"
    with pytest.raises(UserError, match=re.escape(str(path))):
        read_landmarks(path)
    path.write_bytes(b"\xff\xd8\xff")
    with pytest.raises(UserError, match=re.escape(str(path))):
        read_landmarks(path)


def test_the_turn_rises_all_the_way_from_profile_to_profile():
    turns = yaw(np.stack([head(angle) for angle in range(-90, 91, 5)]))
    assert (np.diff(turns) > 0).all()
    assert turns[18] == pytest.approx(0, abs=1e-12)
    assert turns[-1] > 0.3, "the nose of a head turned to the viewer's right is on the right"


def test_shifting_scaling_and_rolling_keep_the_turn_and_mirroring_changes_its_sign():
    points = head(30)
    roll = np.deg2rad(25)
    rolled = points @ [[np.cos(roll), np.sin(roll)], [-np.sin(roll), np.cos(roll)]]
    assert yaw(40 * rolled + [7, -3]) == pytest.approx(yaw(points))
    mirrored = (points * [-1, 1])[[1, 0, 2, 4, 3]]
    assert yaw(mirrored) == pytest.approx(-yaw(points))


def test_points_that_fall_together_show_no_turn():
    assert np.isnan(yaw(np.zeros((5, 2))))
