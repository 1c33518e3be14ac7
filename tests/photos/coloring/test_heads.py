"""A face's colour ends where its head does: at the wall behind, at edges, and at the next head."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from colorgan.faces.aging import grainy, scratched
from colorgan.faces.finding.alignment import spread
from colorgan.faces.finding.person_segmenter import PersonSegmenter
from colorgan.photos.coloring.heads import head_layer, oval_opacity
from colorgan.photos.coloring.painting import Layer, paint
from conftest import chroma_in

SKIN = np.full((2, 64, 64), 0.1, np.float32)


def drawn_head(width: int, height: int) -> tuple[np.ndarray, np.ndarray]:
    """A photo `(400, 400)` of a head and neck before a wall, and where the head is."""
    y, x = np.indices((400, 400))
    head = np.hypot((x - 199) / width, (y - 190) / height) < 1
    head |= (np.abs(x - 199) < 30) & (y > 190) & (y < 290)
    gray = np.where(head, 170, 110).astype(np.uint8)
    return cv2.GaussianBlur(gray, (3, 3), 0), head


PLACE = np.array([[1, 0, 110.0], [0, 1, 100]])  # takes the crop's points there
ASTRONAUT = np.array([[1.06, -0.07, 137.0], [0.07, 1.06, -2]])  # to the astronaut's face


def colored_by(gray: np.ndarray, layer: Layer) -> np.ndarray:
    """How much of SKIN each pixel got."""
    return chroma_in(paint(gray, [layer])).mean(axis=0) / 0.1


@pytest.mark.parametrize("width, height", [(52, 80), (60, 85), (80, 95)])
def test_color_ends_at_the_heads_edge_whatever_its_width(width: int, height: int) -> None:
    gray, head = drawn_head(width, height)
    share = colored_by(gray, head_layer(gray, SKIN, PLACE))
    inside = cv2.erode(head.astype(np.uint8), np.ones((13, 13))) > 0
    outside = cv2.dilate(head.astype(np.uint8), np.ones((13, 13))) == 0
    assert share[inside].min() > 0.9
    assert np.abs(share[outside]).max() < 0.1


def test_without_edges_color_ends_near_the_face() -> None:
    gray = np.full((400, 400), 128, np.uint8)
    share = colored_by(gray, head_layer(gray, SKIN, PLACE))
    assert share[160:240, 170:230].min() > 0.95
    border = np.concatenate([share[:60].ravel(), share[:, :60].ravel(), share[:, 340:].ravel()])
    assert np.abs(border).max() < 0.05


@pytest.mark.parametrize("scale", [0.2, 1, 3])
def test_a_head_is_the_same_at_any_scale(scale: float) -> None:
    gray, _ = drawn_head(60, 85)
    sized = cv2.resize(gray, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    share = colored_by(sized, head_layer(sized, SKIN, scale * PLACE))
    expected = colored_by(gray, head_layer(gray, SKIN, PLACE))
    assert np.abs(cv2.resize(share, gray.shape) - expected).mean() < 0.01


def test_the_next_head_is_not_part_of_this_one() -> None:
    gray = np.full((400, 400), 128, np.uint8)
    beside = PLACE + np.array([[0, 0, 120], [0, 0, 0]])
    share = colored_by(gray, head_layer(gray, SKIN, PLACE, [beside]))
    assert share[160:220, 180:210].min() > 0.95
    assert np.abs(share[160:220, 300:340]).max() < 0.02


def test_a_faded_photo_has_the_heads_of_the_same_at_full_contrast() -> None:
    gray, _ = drawn_head(60, 85)
    gray = np.where(np.indices(gray.shape).sum(axis=0) % 7 == 0, gray + 60, gray - 60)
    faded = np.rint(120 + gray * 0.2).astype(np.uint8)
    clear, pale = (
        colored_by(image, head_layer(image, SKIN, PLACE))
        for image in (gray.astype(np.uint8), faded)
    )
    assert np.abs(clear - pale).mean() < 0.02


def test_heads_at_the_photos_border_and_beyond_it_are_colored() -> None:
    gray, _ = drawn_head(60, 85)
    for part in (gray[:, 200:], gray[190:], gray[:200, :190], gray[:3, :3]):
        layer = head_layer(np.ascontiguousarray(part), SKIN, PLACE)
        assert np.isfinite(layer.maps).all()
        assert np.isfinite(layer.opacity).all() and layer.opacity.max() == 1


def test_chroma_beyond_the_crop_is_that_of_the_head() -> None:
    gray = np.full((400, 400), 128, np.uint8)
    gray[:, 180:220] = 60  # a streak from the head on, up and down
    chroma = SKIN.copy()
    chroma[:, :4] = chroma[:, -4:] = -0.4  # what a net makes of the crop's border
    layer = head_layer(gray, chroma, PLACE)
    cb = chroma_in(paint(gray, [layer]))[0]
    assert cb[282:300, 195:205].min() > 0


def test_the_oval_is_whole_on_the_face_and_nothing_at_the_border() -> None:
    opacity = oval_opacity()
    assert opacity.min() >= 0 and opacity.max() == 1
    assert (opacity[60:140, 50:128] == 1).all()  # brows to chin, cheek to cheek
    border = np.concatenate([opacity[0], opacity[-1], opacity[:, 0], opacity[:, -1]])
    assert border.max() < 0.01
    assert np.abs(np.diff(opacity, axis=0)).max() < 0.12


@pytest.fixture(scope="module")
def people() -> PersonSegmenter:
    return PersonSegmenter()


def astronauts_head(photo: np.ndarray, people: PersonSegmenter) -> np.ndarray:
    """How opaque her head is in the astronaut's photo: `(512, 512)` in [0, 1]."""
    layer = head_layer(photo, SKIN, ASTRONAUT, [], people)
    first, last = np.zeros(2, int), np.array(photo.shape[::-1])
    return spread(layer.opacity, layer.similarity, first, last)


def test_hair_is_colored_and_what_is_behind_is_not(
    large_photo: np.ndarray, people: PersonSegmenter
) -> None:
    opacity = astronauts_head(large_photo, people)
    hair = [(165, 80), (215, 22), (290, 60), (286, 110)]
    behind = [(130, 60), (150, 120), (320, 100), (225, 3)]
    assert min(opacity[y, x] for x, y in hair) > 0.9
    assert max(opacity[y, x] for x, y in behind) < 0.05


@pytest.mark.parametrize("worn", [grainy, scratched])
def test_a_head_is_found_under_grain_and_scratches(
    large_photo: np.ndarray, people: PersonSegmenter, worn: Callable
) -> None:
    parameters = {"deviation": 40} if worn is grainy else {"count": 12}
    old = worn(large_photo, random=np.random.default_rng(3), **parameters)
    found, whole = astronauts_head(old, people), astronauts_head(large_photo, people)
    assert np.abs(found - whole).sum() < 0.15 * whole.sum()


def test_where_no_person_is_seen_edges_tell_the_head(people: PersonSegmenter) -> None:
    gray = np.full((400, 400), 128, np.uint8)
    assert people.segment(gray).max() < 0.5
    layer, expected = head_layer(gray, SKIN, PLACE, [], people), head_layer(gray, SKIN, PLACE)
    np.testing.assert_array_equal(layer.opacity, expected.opacity)
