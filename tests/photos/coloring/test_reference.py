"""A reference gives its colours to the places of a gray photo that are like its own."""

import cv2
import numpy as np
import pytest
import skimage.data

from colorgan.faces.finding.alignment import CROP_POINTS, points_in_crop
from colorgan.luminance import chroma_of, in_unit_range, with_chroma
from colorgan.photos.coloring.heads import oval_opacity
from colorgan.photos.coloring.reference import Reference
from conftest import chroma_in

NO_FACES = np.empty((0, 5, 2), np.float32)
REDDISH, BLUISH, GREENISH = (-0.05, 0.15), (0.15, -0.05), (-0.1, -0.1)


def in_color(luminance: np.ndarray, *parts: tuple[np.ndarray, tuple[float, float]]) -> np.ndarray:
    """A BGR picture of gray `(h, w)` uint8, its parts, bool `(h, w)`, in one chroma each."""
    chroma = np.zeros((2, *luminance.shape), np.float32)
    for mask, color in parts:
        chroma[:, mask] = np.float32(color)[:, np.newaxis]
    return with_chroma(luminance, chroma)


def gray_of(bgr: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY)


def grain(shape: tuple[int, int], level: int, deviation: float, seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(level, deviation, shape)
    return np.clip(noise, 40, 215).astype(np.uint8)


def halves(side: int, left: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A picture of two halves, and which of its pixels are in the left one."""
    in_left = np.arange(side)[np.newaxis] < side // 2
    return np.where(in_left, left, right), np.broadcast_to(in_left, (side, side))


def inner(mask: np.ndarray, away: int = 17) -> np.ndarray:
    """A mask without what lies near its border, where two kinds of places mix."""
    return cv2.erode(mask.astype(np.uint8), np.ones((away, away))).astype(bool)


def portrait(shape: tuple[int, int], at: tuple[int, int], seed: int) -> tuple[np.ndarray, ...]:
    """Even grain, the five points of a face in it, and where that face is."""
    gray = grain(shape, 128, 12, seed)
    face = np.zeros(shape, bool)
    x, y = at
    face[y + 60 : y + 140, x + 50 : x + 128] = True
    return gray, (CROP_POINTS + np.float32(at))[np.newaxis], face


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_photo_as_its_own_reference_gets_its_own_colors(dtype: type) -> None:
    photo = cv2.resize(skimage.data.coffee()[..., ::-1], (300, 200), interpolation=cv2.INTER_AREA)
    photo = photo.astype(dtype) * (np.iinfo(dtype).max // 255)
    chroma = Reference(photo, NO_FACES).chroma_for(gray_of(photo), NO_FACES)
    truth = chroma_in(photo)
    assert chroma.shape == (2, 200, 300) and chroma.dtype == np.float32
    assert np.abs(chroma - truth).mean() < 0.25 * np.abs(truth).mean()
    np.testing.assert_allclose(chroma.mean(axis=(1, 2)), truth.mean(axis=(1, 2)), atol=0.01)


def test_light_and_dark_take_the_colors_of_light_and_dark_at_another_exposure() -> None:
    gray, in_left = halves(160, grain((160, 160), 90, 6, 1), grain((160, 160), 170, 6, 2))
    reference = in_color(gray, (in_left, REDDISH), (~in_left, BLUISH))
    brighter = np.clip(gray[:, ::-1] * 0.7 + 70, 0, 255).astype(np.uint8)
    chroma = Reference(reference, NO_FACES).chroma_for(brighter, NO_FACES)
    np.testing.assert_allclose(chroma[:, inner(~in_left)].mean(axis=1), REDDISH, atol=0.02)
    np.testing.assert_allclose(chroma[:, inner(in_left)].mean(axis=1), BLUISH, atol=0.02)


def test_smooth_and_rough_of_one_luminance_take_the_colors_of_smooth_and_rough() -> None:
    gray, in_left = halves(160, grain((160, 160), 128, 2, 1), grain((160, 160), 128, 25, 2))
    reference = in_color(gray, (in_left, REDDISH), (~in_left, BLUISH))
    other, rough = halves(160, grain((160, 160), 128, 25, 3), grain((160, 160), 128, 2, 4))
    chroma = Reference(reference, NO_FACES).chroma_for(other, NO_FACES)
    np.testing.assert_allclose(chroma[:, inner(rough)].mean(axis=1), BLUISH, atol=0.03)
    np.testing.assert_allclose(chroma[:, inner(~rough)].mean(axis=1), REDDISH, atol=0.03)


def test_faces_take_the_colors_of_faces_though_all_around_is_alike() -> None:
    gray, faces, face = portrait((300, 400), (30, 60), seed=1)
    inside = np.zeros_like(face)
    inside[60 : 60 + 178, 30 : 30 + 178] = oval_opacity() >= 0.5
    reference = Reference(in_color(gray, (~inside, GREENISH), (inside, REDDISH)), faces)
    other, its_faces, its_face = portrait((300, 400), (190, 90), seed=2)
    chroma = reference.chroma_for(other, its_faces)
    np.testing.assert_allclose(chroma[:, its_face].mean(axis=1), REDDISH, atol=0.01)
    np.testing.assert_allclose(chroma[:, :80, :150].mean(axis=(1, 2)), GREENISH, atol=0.02)


def test_around_a_head_its_colors_end_where_it_does() -> None:
    x, y = np.meshgrid(np.arange(400) - 200, np.arange(300) - 150)
    distance = np.hypot(x / 56, y / 78)
    head, around = distance < 1, (distance > 1.12) & (distance < 1.3)
    faces = (CROP_POINTS + np.float32([200 - 89, 150 - 90]))[np.newaxis]
    pictures = [np.where(head, grain(x.shape, 170, 8, s), grain(x.shape, 70, 8, s)) for s in (1, 2)]
    reference = Reference(in_color(pictures[0], (head, REDDISH), (~head, GREENISH)), faces)
    chroma = reference.chroma_for(pictures[1], faces)
    np.testing.assert_allclose(chroma[:, head].mean(axis=1), REDDISH, atol=0.02)
    np.testing.assert_allclose(chroma[:, around].mean(axis=1), GREENISH, atol=0.03)


def test_where_one_of_both_has_no_face_the_whole_gives_to_the_whole() -> None:
    gray, faces, _ = portrait((300, 400), (30, 60), seed=1)
    dark = np.broadcast_to(np.arange(400) < 200, gray.shape)
    gray = np.where(dark, gray - 40, gray + 40)
    colored = in_color(gray, (dark, REDDISH), (~dark, BLUISH))
    whole = Reference(colored, NO_FACES).chroma_for(gray, NO_FACES)
    np.testing.assert_array_equal(Reference(colored, faces).chroma_for(gray, NO_FACES), whole)
    np.testing.assert_array_equal(Reference(colored, NO_FACES).chroma_for(gray, faces), whole)
    np.testing.assert_allclose(whole[:, inner(dark)].mean(axis=1), REDDISH, atol=0.02)


def test_the_lips_of_an_aligned_face_are_those_of_the_reference() -> None:
    points = points_in_crop(64)
    gray = grain((64, 64), 150, 10, 1)
    lips = np.zeros((64, 64), bool)
    lips[44:54, 22:42] = True
    gray[lips] -= 40
    eyes = np.zeros((64, 64), bool)  # as dark as lips, and elsewhere
    eyes[24:30, 16:46] = True
    gray[eyes] -= 40
    reference = in_color(gray, (~lips & ~eyes, BLUISH), (lips, REDDISH), (eyes, GREENISH))
    other = np.clip(gray.astype(int) + grain((64, 64), 100, 4, 2) - 100, 0, 255).astype(np.uint8)
    chroma = Reference(reference, points).chroma_for(other, points)
    assert chroma.shape == (2, 64, 64)
    np.testing.assert_allclose(chroma[:, 47:51, 27:37].mean(axis=(1, 2)), REDDISH, atol=0.05)
    np.testing.assert_allclose(chroma[:, 26:28, 20:42].mean(axis=(1, 2)), GREENISH, atol=0.05)


def test_the_same_photos_give_the_same_bits_on_any_number_of_threads() -> None:
    photo = skimage.data.astronaut()[..., ::-1].copy()
    gray, faces = gray_of(photo), (CROP_POINTS * 1.3 + np.float32([110, 0]))[np.newaxis]
    threads = cv2.getNumThreads()
    found = []
    for count in (1, 2, 4):
        cv2.setNumThreads(count)
        found.append(Reference(photo, faces).chroma_for(gray, faces))
    cv2.setNumThreads(threads)
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])


@pytest.mark.parametrize("shape", [(1, 1), (2, 60_000), (4000, 3), (3000, 4000)])
def test_photos_of_any_shape_get_a_small_map_of_their_shape(shape: tuple[int, int]) -> None:
    photo = skimage.data.astronaut()[:200, :200, ::-1].copy()
    gray = cv2.resize(gray_of(photo), shape[::-1])
    face = (CROP_POINTS * 0.5)[np.newaxis]
    for faces in (NO_FACES, face):
        chroma = Reference(photo, faces).chroma_for(gray, faces)
        assert chroma.shape[0] == 2 and chroma[0].size <= 2**17 and max(chroma.shape) <= 8192
        assert np.isfinite(chroma).all() and np.abs(chroma).max() <= 0.5
    wanted = Reference(cv2.resize(photo, shape[::-1]), face).chroma_for(gray_of(photo), face)
    assert wanted.shape == (2, 200, 200)


def test_a_plain_photo_and_a_plain_reference_are_no_trouble() -> None:
    plain = in_color(np.full((40, 50), 128, np.uint8), (np.ones((40, 50), bool), REDDISH))
    chroma = Reference(plain, NO_FACES).chroma_for(np.full((30, 30), 7, np.uint8), NO_FACES)
    np.testing.assert_allclose(chroma.mean(axis=(1, 2)), REDDISH, atol=0.01)
    cb, cr = chroma_of(in_unit_range(plain).transpose(2, 0, 1)[np.newaxis])[0]
    assert np.ptp(cb) == np.ptp(cr) == 0


@pytest.mark.parametrize(
    ("bgr", "told"),
    [
        (np.full((30, 40, 3), 99, np.uint8), "has no colour"),
        (np.zeros((30, 40), np.uint8), "no colour to give"),
        (np.zeros((30, 40, 3), np.float32), "float32"),
        (np.zeros((30, 40, 4), np.uint8), r"\(30, 40, 4\)"),
        (np.zeros((0, 40, 3), np.uint8), r"\(0, 40, 3\)"),
        ("cousin.jpg", "got str"),
    ],
)
def test_what_is_no_photo_in_color_is_refused_in_one_line(bgr: object, told: str) -> None:
    with pytest.raises(ValueError, match=told) as caught:
        Reference(bgr, NO_FACES)
    assert "\n" not in str(caught.value)
