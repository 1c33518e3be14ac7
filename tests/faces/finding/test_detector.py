"""The face detector: what it finds, how exactly, and what it does not take for a face."""

import cv2
import numpy as np
import pytest
import skimage.data

from colorgan.faces.aging import blurred, scratched
from colorgan.faces.celeba import aligned as archive
from colorgan.faces.celeba.images import ImageReader, open_source
from colorgan.faces.celeba.landmarks import CELEBA_POINTS, yaw
from colorgan.faces.drawn.portrait import draw_face
from colorgan.faces.drawn.traits import sample_traits
from colorgan.faces.finding.detector import FaceDetector
from colorgan.faces.finding.similarity import transformed
from colorgan.measuring.detection.frames import places

SIZE = 64


@pytest.fixture(scope="module")
def detector() -> FaceDetector:
    return FaceDetector()


@pytest.fixture(scope="module")
def drawn() -> np.ndarray:
    """Drawn faces of seed 1, numbered from 1 on: gray `(n, 64, 64)`, cropped as CelebA's are."""
    return np.stack([gray_crop(draw_face(1, number)) for number in range(1, 25)])


def gray_crop(image: np.ndarray) -> np.ndarray:
    top, left = archive.CROP_TOP, archive.CROP_LEFT
    crop = image[top : top + archive.CROP_SIDE, left : left + archive.CROP_SIDE]
    small = cv2.resize(crop, (SIZE, SIZE), interpolation=cv2.INTER_AREA)
    return cv2.cvtColor(small, cv2.COLOR_BGR2GRAY)


def surest(detector: FaceDetector, gray: np.ndarray) -> np.ndarray:
    return detector.detect(gray)[0]


def test_the_turn_of_drawn_faces_is_the_one_they_were_drawn_with(detector, drawn):
    known = [
        sample_traits(np.random.default_rng([1, number])).yaw for number in range(1, len(drawn) + 1)
    ]
    found = [yaw(surest(detector, gray)) for gray in drawn]
    assert np.corrcoef(known, found)[0, 1] > 0.95


def test_a_mirrored_drawn_face_turns_the_other_way(detector, drawn):
    assert_mirroring_changes_the_sign(detector, drawn)


def test_a_mirrored_real_face_turns_the_other_way(detector, celeba):
    source = open_source(celeba)
    with ImageReader(source.containers) as reader:
        files = [reader.read(tuple(entry)) for entry in source.index[:30]]
    images = [cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) for data in files]
    assert_mirroring_changes_the_sign(detector, np.stack([gray_crop(image) for image in images]))


def assert_mirroring_changes_the_sign(detector: FaceDetector, faces: np.ndarray) -> None:
    pairs = [[detector.detect(image) for image in (gray, gray[:, ::-1])] for gray in faces]
    found = [(one[0], other[0]) for one, other in pairs if len(one) and len(other)]
    assert len(found) > 0.9 * len(faces)
    turns, mirrored = yaw(np.array(found)).T
    turned = abs(turns) > 0.1
    assert turned.sum() >= 5
    assert (np.sign(mirrored) == -np.sign(turns))[turned].all()
    assert np.median(abs(mirrored + turns)) < 0.05


def test_every_face_of_a_picture_is_found(detector, drawn):
    picture = np.full((256, 512), 120, np.uint8)
    picture[40:104, 30:94] = drawn[0]
    picture[30:222, 250:442] = cv2.resize(drawn[5], (192, 192))
    found = detector.detect(picture)
    left, right = found[np.argsort(found[:, 0, 0])]
    for points, corner, side in ((left, (30, 40), 64), (right, (250, 30), 192)):
        assert (points > corner).all() and (points < np.add(corner, side)).all()
        assert points[0, 0] < points[1, 0] and points[3, 0] < points[4, 0]
        assert points[:2, 1].max() < points[2, 1] < points[3:, 1].min()


def test_a_picture_without_a_face_gives_an_empty_array(detector):
    found = detector.detect(np.full((50, 70, 3), 128, np.uint8))
    assert (found.shape, found.dtype) == ((0, 5, 2), np.float32)


@pytest.mark.parametrize("degrees", [20, 45, 100, 180, 250])
def test_a_face_is_found_however_it_is_tilted_and_its_points_go_with_it(detector, drawn, degrees):
    for gray in drawn[:3]:
        large = cv2.resize(gray, (192, 192), interpolation=cv2.INTER_CUBIC)
        frame, to_frame = laid(large, degrees, (400, 400))
        found = detector.detect(frame)
        assert len(found) == 1
        points = transformed(surest(detector, large), to_frame)
        assert found[0] == pytest.approx(points, abs=3.5), "of about 45 from eye to eye"


def test_one_tilted_face_is_found_among_upright_ones(detector, drawn):
    frame, to_frame = laid(drawn[2], 120, (640, 480))
    frame[20:84, 30:94], frame[20:84, 500:564] = drawn[0], drawn[1]
    found = detector.detect(frame)
    assert len(found) == 3
    apart = np.linalg.norm(found - transformed(surest(detector, drawn[2]), to_frame), axis=2)
    assert apart.mean(axis=1).min() < 1.5


def test_small_faces_in_a_photo_on_its_side_are_found(detector, drawn):
    photo = np.full((1600, 1200), 120, np.uint8)
    photo[300:364, 200:264] = drawn[0]
    found = detector.detect(np.rot90(photo))
    assert len(found) == 1
    x, y = surest(detector, drawn[0]).mean(axis=0) + [200, 300]
    assert found[0].mean(axis=0) == pytest.approx([y, 1200 - x], abs=1)


@pytest.mark.parametrize("side", [48, 64, 400, 2900])
def test_faces_that_fill_small_and_large_images_are_found_in_the_same_place(detector, drawn, side):
    image = cv2.resize(drawn[0], (side, side), interpolation=cv2.INTER_LINEAR)
    points = surest(detector, image) / side * SIZE
    assert points == pytest.approx(surest(detector, drawn[0]), abs=1)


def test_a_small_face_in_a_photo_of_12_megapixels_is_found(detector, drawn):
    photo = cv2.resize(drawn[7], (4000, 3000))[:, ::-1] // 8 + np.uint8(90)
    photo[200:296, 3500:3596] = cv2.resize(drawn[0], (96, 96), interpolation=cv2.INTER_CUBIC)
    middles = detector.detect(photo).mean(axis=1)
    assert np.linalg.norm(middles - [3548, 250], axis=1).min() < 12


def test_every_small_face_of_a_large_group_is_found_on_its_side_too(detector, drawn):
    """Eyes are 14 pixels apart, of 2,600."""
    photo = np.full((1500, 2600), 120, np.uint8)
    corners = [(x, y) for x in range(40, 2500, 410) for y in range(30, 1400, 460)]
    for at, (x, y) in enumerate(corners):
        photo[y : y + 64, x : x + 64] = drawn[at % len(drawn)]
    found = detector.detect(photo).mean(axis=1)
    near = [np.linalg.norm(found - [x + 32, y + 40], axis=1).min() < 10 for x, y in corners]
    assert np.mean(near) >= 0.96 and len(found) <= len(corners)
    turned = detector.detect(np.rot90(photo))
    assert len(turned) == pytest.approx(len(found), abs=1)


def test_small_prints_that_lie_on_their_side_are_found_on_a_page_of_upright_ones(detector, drawn):
    """Eyes are 28 pixels apart, of 3,000."""
    prints = [cv2.resize(face, (128, 128), interpolation=cv2.INTER_CUBIC) for face in drawn[:4]]
    page, places = np.full((2200, 3000), 120, np.uint8), [(200, 200), (900, 400), (300, 1500)]
    for turns, (x, y), one in zip((0, 0, 1), places, prints, strict=False):
        page[y : y + 128, x : x + 128] = np.rot90(one, turns)
    found = detector.detect(page).mean(axis=1)
    assert len(found) == 3
    assert all(np.linalg.norm(found - np.add(at, 64), axis=1).min() < 30 for at in places)


def spoilt(gray: np.ndarray, how: str) -> np.ndarray:
    random = np.random.default_rng(0)
    if how == "faded":
        return cv2.convertScaleAbs(gray, alpha=0.08, beta=150)
    if how == "dark":
        return gray // 20
    if how == "scratches":
        return scratched(gray, random)
    if how == "blur":
        return blurred(gray, 5)
    if how == "grain":
        noise = cv2.GaussianBlur(random.standard_normal(gray.shape), (0, 0), 0.8)
        return np.clip(gray + noise * (20 / noise.std()), 0, 255).astype(np.uint8)
    y, x = np.indices(gray.shape) * (2 * np.pi / 4)
    return np.uint8(255 * (gray / 255 > (np.cos(x + y) + np.cos(x - y)) / 4 + 0.5))  # dots of print


@pytest.mark.parametrize("how", ["faded", "dark", "grain", "print", "scratches", "blur"])
def test_a_face_is_found_in_a_photo_that_is(detector, large_photo, how):
    (expected,) = detector.detect(large_photo)
    found = detector.detect(spoilt(large_photo, how))
    assert len(found) == 1
    assert np.linalg.norm(found[0] - expected, axis=1).mean() < 8, "of 41 from eye to eye"


def test_a_face_with_scratches_across_it_is_found_alone_and_beside_a_clean_one(
    detector, large_photo
):
    clean = large_photo[:300, 80:380]
    spoilt_one = scratched(clean, np.random.default_rng(0))
    (expected,) = detector.detect(clean)
    (alone,) = detector.detect(spoilt_one)
    both = detector.detect(np.hstack([clean, spoilt_one]))
    assert len(both) == 2
    beside = both[both[:, 0, 0].argmax()] - [300, 0]
    for found in (alone, beside):
        assert np.linalg.norm(found - expected, axis=1).mean() < 8, "of 41 from eye to eye"


def laid(gray: np.ndarray, degrees: float, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """A frame with a picture turned about its middle, and what takes the picture's points there."""
    turn = np.exp(1j * np.deg2rad(degrees))
    rows = np.array([[turn.real, -turn.imag], [turn.imag, turn.real]])
    to_frame = np.c_[rows, np.array(size) / 2 - rows @ np.array(gray.shape[::-1]) / 2]
    center = np.full(2, 0.5)
    of_pixels = np.c_[rows, transformed(center, to_frame) - center]
    border = cv2.BORDER_REPLICATE
    return cv2.warpAffine(gray, of_pixels, size, None, cv2.INTER_LINEAR, border), to_frame


def test_gray_and_its_three_channels_are_one_image(detector, drawn):
    colored = cv2.cvtColor(drawn[0], cv2.COLOR_GRAY2BGR)
    assert (surest(detector, colored) == surest(detector, drawn[0])).all()


def test_mirrored_points_are_as_far_from_the_other_border(detector, drawn):
    sums = [
        (surest(detector, gray)[:, 0] + surest(detector, gray[:, ::-1])[[1, 0, 2, 4, 3], 0]).mean()
        for gray in drawn
    ]
    assert np.mean(sums) == pytest.approx(SIZE, abs=0.6), "half a cell is a pixel here"


def test_the_points_of_a_face_cut_off_by_the_border_stay_in_place(detector, drawn):
    cut, shifts = 20, []
    for gray in drawn[:12]:
        found = detector.detect(gray[:, cut:])
        shifts.append((found[0] + [cut, 0] - surest(detector, gray))[:, 0].mean())
    assert np.mean(shifts) == pytest.approx(0, abs=1)


@pytest.mark.parametrize("border", ["left", "right", "lower"])
def test_half_a_face_at_the_border_is_found_with_all_its_points(detector, large_photo, border):
    (whole,) = detector.detect(large_photo)
    x, y = whole.mean(axis=0).round().astype(int)
    left, right = (x if border == "left" else 0), (x if border == "right" else None)
    half = large_photo[: y + 15 if border == "lower" else None, left:right]
    (found,) = detector.detect(half)
    off = np.linalg.norm(found + [left, 0] - whole, axis=1)
    assert off[:2].max() < 0.3 * np.linalg.norm(whole[1] - whole[0])


def test_faces_that_end_below_at_the_border_are_found_the_right_way_up(detector):
    """Three of these four look more like a face upside down."""
    for number in range(7, 11):
        gray = cv2.cvtColor(draw_face(1, number), cv2.COLOR_BGR2GRAY)
        whole = surest(detector, gray)
        (found,) = detector.detect(gray[: round(whole[:, 1].mean())])
        apart = np.linalg.norm(whole[1] - whole[0])
        assert np.linalg.norm(found - whole, axis=1)[:2].max() < 0.3 * apart, number


def test_no_coins_are_taken_for_faces(detector):
    """Some bear a head in profile."""
    for scale in (0.5, 0.75, 1):
        coins = cv2.resize(skimage.data.coins(), None, fx=scale, fy=scale)
        assert len(detector.detect(coins)) == 0, scale


def test_no_faces_are_found_where_there_are_none_cut_anywhere(detector):
    """Half a thing beside its mirror image may look like a face."""
    random = np.random.default_rng(0)
    for place in places():
        top, left = (int(random.integers(side // 2)) for side in place.shape)
        assert len(detector.detect(place[top : top + 160, left : left + 160])) == 0


@pytest.mark.parametrize("shape", [(1, 1), (1, 20000), (40000, 2), (2, 60000), (3, 5)])
def test_images_too_small_or_thin_for_a_face_have_none(detector, shape):
    assert len(detector.detect(np.full(shape, 90, np.uint8))) == 0


def test_celebas_points_are_where_the_detector_finds_them_in_its_images(detector, celeba):
    source = open_source(celeba)
    with ImageReader(source.containers) as reader:
        files = [reader.read(tuple(entry)) for entry in source.index[100:140]]
    images = [cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE) for data in files]
    found = [faces[0] for faces in map(detector.detect, images) if len(faces)]
    assert len(found) >= 39
    assert np.median(found, axis=0) == pytest.approx(CELEBA_POINTS, abs=2.5)
