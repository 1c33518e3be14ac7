"""The lightness of the skin, and the faces that have the darkest."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from colorgan.faces.database import FaceDatabase
from colorgan.measuring.quality.skin import skin_lightness, with_darkest_skin


def test_lightness_of_the_skin_is_the_median_lab_lightness_of_cheeks_and_nose():
    skin = np.uint8([96, 132, 198])
    image = np.full((64, 64, 3), 10, np.uint8)
    image[37:44, 22:42] = skin
    image[40:44, 30:36] = 255  # a highlight, less than half of the region
    lab = cv2.cvtColor(np.float32(skin / 255).reshape(1, 1, 3), cv2.COLOR_BGR2Lab)
    found = skin_lightness(image.transpose(2, 0, 1)[np.newaxis])
    assert found == pytest.approx([lab[0, 0, 0]], abs=0.05)


def test_the_darkest_fifth_is_that_of_all_faces(faces: Path) -> None:
    with FaceDatabase(faces / "train_lmdb") as database:
        found = with_darkest_skin(database)
        lightness = skin_lightness(database.faces(range(len(database))))
        assert len(found) == round(len(database) / 5)
    others = np.delete(lightness, found)
    assert lightness[found].max() <= others.min()
