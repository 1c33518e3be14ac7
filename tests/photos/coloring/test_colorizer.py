"""Photographs of people, coloured: found, aligned, painted, of the photo's own luminance."""

import re
from pathlib import Path

import cv2
import matplotlib
import numpy as np
import pytest
import skimage.data

from colorgan.nets.deployed import DeployedGenerator
from colorgan.nets.generators import BEST_WEIGHTS
from colorgan.photos.coloring.colorizer import Colorizer
from colorgan.photos.coloring.layers import FACE_SIDE
from colorgan.photos.coloring.painting import paint
from conftest import chroma_in


def gray_of(bgr: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY)


def strength(bgr: np.ndarray) -> np.ndarray:
    """How much colour each pixel has, in chroma."""
    return np.hypot(*chroma_in(bgr))


def painted(colorizer: Colorizer, gray: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """A photo with these faces coloured, whatever the detector would find."""
    chroma = colorizer.predict_chroma(gray, faces)
    return paint(gray, colorizer.head_layers(gray, faces, chroma))


@pytest.fixture(scope="module")
def hopper() -> np.ndarray:
    """Grace Hopper, 300 x 256, gray."""
    path = Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"
    return cv2.imread(str(path), cv2.IMREAD_REDUCED_GRAYSCALE_2)


FACE = slice(40, 95), slice(92, 130)  # of the astronaut


def test_a_faces_skin_gets_the_color_of_skin(
    colorizer: Colorizer, photo: np.ndarray, truth: np.ndarray
) -> None:
    cb, cr = chroma_in(colorizer.colorize(photo)[FACE]).mean(axis=(1, 2))
    true_cb, true_cr = chroma_in(truth[FACE]).mean(axis=(1, 2))
    assert cb < -0.02 and cr > 0.03
    assert np.hypot(cb - true_cb, cr - true_cr) < np.hypot(true_cb, true_cr)


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_the_photos_luminance_is_kept_to_the_last_bit(
    colorizer: Colorizer, photo: np.ndarray, whole: bool, dtype: type
) -> None:
    gray = photo
    if dtype == np.uint16:
        noise = np.random.default_rng(1).integers(0, 257, photo.shape)
        gray = np.minimum(photo * np.uint32(257) + noise, 65535).astype(np.uint16)
    colored = colorizer.colorize(gray, whole=whole)
    assert colored.dtype == dtype and colored.shape == (256, 256, 3)
    assert strength(colored[FACE]).mean() > 0.03
    np.testing.assert_array_equal(gray_of(colored), gray)


def test_sixteen_bits_are_colored_as_eight(colorizer: Colorizer, photo: np.ndarray) -> None:
    eight = colorizer.colorize(photo)
    sixteen = colorizer.colorize(photo.astype(np.uint16) * 257)
    assert np.abs(sixteen / 257 - eight).max() < 1.1


def test_outside_of_faces_the_photo_stays_gray_unless_all_is_wanted(
    colorizer: Colorizer, photo: np.ndarray
) -> None:
    suit = slice(165, 250), slice(30, 100)
    assert np.ptp(colorizer.colorize(photo)[suit], axis=2).max() == 0
    assert strength(colorizer.colorize(photo, whole=True)[suit]).mean() > 0.01


def test_a_photo_without_a_face_stays_gray_unless_all_is_wanted(
    colorizer: Colorizer, faceless: np.ndarray
) -> None:
    assert colorizer.find_faces(faceless).shape == (0, 5, 2)
    np.testing.assert_array_equal(colorizer.colorize(faceless), cv2.merge([faceless] * 3))
    whole = colorizer.colorize(faceless, whole=True)
    assert strength(whole).mean() > 0.005
    np.testing.assert_array_equal(gray_of(whole), faceless)


@pytest.mark.parametrize("shape", [(1, 1), (1, 3000), (3000, 1), (7, 5)])
@pytest.mark.parametrize("whole", [False, True])
def test_photos_of_any_shape_can_be_colored(
    colorizer: Colorizer, shape: tuple[int, int], whole: bool
) -> None:
    gray = np.random.default_rng(2).integers(0, 256, shape, np.uint8)
    colored = colorizer.colorize(gray, whole=whole)
    np.testing.assert_array_equal(gray_of(colored), gray)


def test_all_faces_of_a_photo_are_colored(
    colorizer: Colorizer, photo: np.ndarray, hopper: np.ndarray
) -> None:
    both = np.hstack([photo, hopper[:256]])
    assert len(colorizer.find_faces(both)) == 2
    colored = colorizer.colorize(both)
    assert strength(colored[FACE]).mean() > 0.03
    assert strength(colored[115:165, 256 + 100 : 256 + 150]).mean() > 0.03


def test_colors_end_with_the_head_and_in_films_in_an_oval(
    colorizer: Colorizer, hopper: np.ndarray
) -> None:
    neck, wall = np.s_[187:192, 117:142], np.s_[85:105, 202:207]
    faces = colorizer.find_faces(hopper)
    chroma = colorizer.predict_chroma(hopper, faces)
    head, oval = (
        strength(paint(hopper, layers(hopper, faces, chroma)))
        for layers in (colorizer.head_layers, colorizer.oval_layers)
    )
    assert head[neck].mean() > 0.04 > 0.01 > oval[neck].mean()
    assert 5 * head[wall].mean() < 0.005 < oval[wall].mean()
    np.testing.assert_array_equal(head, strength(colorizer.colorize(hopper)))


@pytest.mark.parametrize("turn", [cv2.ROTATE_90_CLOCKWISE, cv2.ROTATE_180])
def test_a_face_is_colored_alike_however_the_photo_lies(
    colorizer: Colorizer, photo: np.ndarray, turn: int
) -> None:
    upright = chroma_in(cv2.rotate(colorizer.colorize(photo), turn))
    turned = chroma_in(colorizer.colorize(cv2.rotate(photo, turn)))
    at_face = np.hypot(*upright) > 0.05
    assert np.abs(turned - upright)[:, at_face].mean() < 0.015


def test_a_tilted_face_is_colored_as_the_upright_one(
    colorizer: Colorizer, photo: np.ndarray
) -> None:
    tilt = cv2.getRotationMatrix2D((222, 140), 25, 1)
    tilted = cv2.warpAffine(photo, tilt, (256, 256), borderMode=cv2.BORDER_REPLICATE)
    expected = chroma_in(cv2.warpAffine(colorizer.colorize(photo), tilt, (256, 256)))
    found = chroma_in(colorizer.colorize(tilted))
    at_face = np.hypot(*expected) > 0.05
    assert at_face.sum() > 3000
    assert np.abs(found - expected)[:, at_face].mean() < 0.015


def test_a_face_cut_by_the_border_is_colored(colorizer: Colorizer, photo: np.ndarray) -> None:
    cut = np.ascontiguousarray(photo[50:200, 112:])  # half of the face is left, below the eyes' top
    faces = colorizer.find_faces(cut)
    whole = colorizer.find_faces(photo)[:1] - np.float32([112, 50])
    colored = painted(colorizer, cut, whole)
    assert strength(colored[10:45, :15]).mean() > 0.03
    assert len(faces) <= 1


def test_color_is_the_same_at_any_resolution(colorizer: Colorizer, photo: np.ndarray) -> None:
    faces = colorizer.find_faces(photo)[:1]
    small = chroma_in(painted(colorizer, photo, faces))
    large = cv2.resize(photo, None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC)
    colored = painted(colorizer, large, 4 * faces)
    reduced = cv2.resize(
        chroma_in(colored).transpose(1, 2, 0), (256, 256), interpolation=cv2.INTER_AREA
    )
    assert np.abs(reduced.transpose(2, 0, 1) - small).mean() < 0.002


def test_the_larger_of_two_faces_is_in_front(colorizer: Colorizer, photo: np.ndarray) -> None:
    near = colorizer.find_faces(photo)[:1]
    center = near.mean(axis=1, keepdims=True)
    far = center + (near - center) / 2
    chroma = np.zeros((2, 2, 64, 64), np.float32)
    chroma[0, 0], chroma[1, 1] = 0.1, 0.1  # the near face all Cb, the far all Cr
    x, y = center[0, 0].astype(int)
    for order in ([0, 1], [1, 0]):
        faces = np.concatenate([near, far])[order]
        cb, cr = chroma_in(paint(photo, colorizer.head_layers(photo, faces, chroma[order])))[
            :, y, x
        ]
        assert cb > 0.09 and abs(cr) < 0.01


def test_opacity_fades_a_face(colorizer: Colorizer, photo: np.ndarray) -> None:
    faces = colorizer.find_faces(photo)[:1]
    chroma = colorizer.predict_chroma(photo, faces)
    full, half, none = (
        chroma_in(paint(photo, colorizer.oval_layers(photo, faces, chroma, [share]))[FACE])
        for share in (1, 0.5, 0)
    )
    assert np.abs(full).mean() > 0.03
    assert np.abs(half - full / 2).mean() < 0.003
    assert np.abs(none).max() < 1e-6


def test_an_aligned_face_is_colored_as_the_generator_colors_it(colorizer: Colorizer) -> None:
    faces = np.random.default_rng(3).integers(60, 200, (40, FACE_SIDE, FACE_SIDE), np.uint8)
    faces = np.stack([cv2.GaussianBlur(face, (0, 0), 4) for face in faces])
    colored = colorizer.colorize(faces)
    assert colored.shape == (40, FACE_SIDE, FACE_SIDE, 3)
    fake = DeployedGenerator(BEST_WEIGHTS).colorize(faces).transpose(0, 2, 3, 1) * 255
    assert np.abs(colored - fake).max() < 1.6  # rounding, and the rounding's settling
    np.testing.assert_array_equal(colorizer.colorize(faces[7]), colored[7])


def test_a_batch_of_photos_is_colored_as_each_alone(
    colorizer: Colorizer, photo: np.ndarray, hopper: np.ndarray
) -> None:
    batch = np.stack([photo, hopper[:256]])
    colored = colorizer.colorize(batch)
    assert colored.shape == (2, 256, 256, 3)
    for gray, result in zip(batch, colored, strict=True):
        np.testing.assert_array_equal(result, colorizer.colorize(gray))


def test_both_backends_color_a_photo_alike(photo: np.ndarray, colorizer: Colorizer) -> None:
    by_opencv = Colorizer(device="opencv").colorize(photo)
    by_caffe = colorizer.colorize(photo)
    # 1e-4 of the range is a fortieth of a level: what rounds differently differs by one.
    assert np.abs(by_opencv.astype(int) - by_caffe).max() <= 1
    assert (by_opencv != by_caffe).mean() < 0.01


@pytest.mark.parametrize(
    "given",
    [
        None,
        "old.jpg",
        np.zeros((90, 80, 3), np.uint8),
        np.zeros((90, 80, 1), np.uint8),
        np.zeros((90, 80, 2), np.uint8),
        np.zeros((90, 80, 4), np.uint16),
        np.zeros((90, 80)),
        np.zeros((90, 80), bool),
        np.zeros((90, 80), np.int64),
        np.zeros((0, 80), np.uint8),
        np.zeros(80, np.uint8),
    ],
    ids=lambda given: f"{getattr(given, 'dtype', given)}{getattr(given, 'shape', '')}",
)
def test_what_is_no_gray_photo_is_refused_at_once_by_its_type(
    colorizer: Colorizer, given: object
) -> None:
    told = str(given.shape) if isinstance(given, np.ndarray) else type(given).__name__
    with pytest.raises(ValueError, match=re.escape(told)):
        colorizer.colorize(given)


@pytest.mark.parametrize("whole", [False, True])
def test_sixteen_bits_without_a_face_stay_gray_unless_all_is_wanted(
    colorizer: Colorizer, whole: bool
) -> None:
    gray = cv2.resize(skimage.data.brick(), (160, 120)).astype(np.uint16) * 257
    colored = colorizer.colorize(gray, whole=whole)
    assert colored.dtype == np.uint16
    assert np.array_equal(cv2.cvtColor(colored, cv2.COLOR_BGR2GRAY), gray)
    assert (np.abs(chroma_in(colored)).max() > 1e-3) == whole
