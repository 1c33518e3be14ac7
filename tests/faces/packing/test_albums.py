"""Faces of any photos: which have colour of their own, and which photos are found."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from colorgan.errors import UserError
from colorgan.faces.drawn.portrait import draw_face
from colorgan.faces.packing.albums import TONED, find_photos, own_chroma


def packed(crop: np.ndarray) -> np.ndarray:
    return cv2.resize(crop, (64, 64), interpolation=cv2.INTER_AREA)


@pytest.mark.parametrize("quality", [60, 90])
@pytest.mark.parametrize("number", range(6))
def test_a_toned_face_has_no_colour_of_its_own_and_a_coloured_one_has(
    number: int, quality: int
) -> None:
    crop = draw_face(7, number)[20:198]
    levels = cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY)[..., np.newaxis] / 255
    toned = np.rint(255 * levels ** [1.25, 1.05, 0.9] * [0.86, 0.95, 1]).astype(np.uint8)
    saved = cv2.imencode(".jpg", toned, (cv2.IMWRITE_JPEG_QUALITY, quality))[1]
    assert own_chroma(packed(cv2.imdecode(saved, cv2.IMREAD_COLOR))) < TONED
    assert own_chroma(packed(crop)) > TONED
    assert own_chroma(packed(cv2.merge([crop[..., 1]] * 3))) == pytest.approx(0, abs=1e-6)


def test_photos_are_found_once_each_in_the_order_of_their_names(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    for name in ("b.JPG", "a.png", "sub/c.jpg", ".hidden/d.jpg", "e.txt", "f"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "g.jpg").symlink_to("nowhere")
    found = find_photos((tmp_path, tmp_path / "sub"), (".jpg", ".png"))
    assert found == [tmp_path / name for name in ("a.png", "b.JPG", "sub/c.jpg")]
    refused, others = capsys.readouterr().err.splitlines()
    assert "g.jpg: cannot be read (No such file or directory): left out" in refused
    assert others.endswith("left out other files than photos: 1 .txt, 1 without an ending")
    with pytest.raises(UserError, match=r"holds no photo; photos end in \.tif"):
        find_photos((tmp_path,), (".tif",))
