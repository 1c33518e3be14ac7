"""Batches: order, epochs, mirroring, and going on in the middle."""

import threading
from pathlib import Path

import numpy as np
import pytest

from colorgan.faces.batches import Batch, FaceBatches, batch_of, relit
from colorgan.faces.database import FaceDatabase
from colorgan.luminance import gray_from_bgr

BATCH = 10


@pytest.fixture
def database(faces: Path) -> FaceDatabase:
    with FaceDatabase(faces / "train_lmdb") as database:
        yield database


def same(first: Batch, second: Batch) -> bool:
    return np.array_equal(first.gray, second.gray) and np.array_equal(first.color, second.color)


def test_every_epoch_holds_every_face_once_in_a_new_order(database: FaceDatabase) -> None:
    batches = FaceBatches(database, BATCH, seed=5)
    count = len(database)
    drawn = np.concatenate([batches.choice(k)[0] for k in range(2 * count // BATCH + 1)])
    first, second = drawn[:count], drawn[count : 2 * count]
    assert sorted(first) == sorted(second) == list(range(count))
    assert (first != second).mean() > 0.9
    assert (first != np.arange(count)).mean() > 0.9


def test_shares_of_a_batch_are_the_batch(database: FaceDatabase) -> None:
    """Also of each part of a step that takes several batches."""
    options = {"seed": 5, "mirror": True, "vary_light": True, "old_photos": True}
    whole = FaceBatches(database, 12, **options)[3]
    for rank in range(3):
        share = slice(rank, None, 3)
        own = FaceBatches(database, 12, share=share, **options)[3]
        assert same(own, Batch(whole.gray[share], whole.color[share]))
        for part, of in zip(own.split(2), whole.split(2), strict=True):
            assert same(part, Batch(of.gray[share], of.color[share]))


def test_the_order_is_the_seeds(database: FaceDatabase) -> None:
    orders = [FaceBatches(database, BATCH, seed).choice(3)[0].tolist() for seed in (1, 1, 2)]
    assert orders[0] == orders[1] != orders[2]


def test_prefetched_batches_are_those_asked_for_one_by_one(database: FaceDatabase) -> None:
    batches = FaceBatches(database, BATCH, seed=5)
    prefetched = list(batches.prefetched(17, 23))  # across the end of an epoch
    assert len(prefetched) == 6
    assert all(same(batch, batches[k]) for k, batch in enumerate(prefetched, 17))


class SlowBatches(FaceBatches):
    """Batch 0 is there at once; each of the others comes when it is asked to."""

    asked = threading.Event()

    def __getitem__(self, k: int) -> Batch:
        self.begun = k
        if k:
            self.asked.wait(10)
        return super().__getitem__(k)


def test_stopping_early_ends_the_reader_and_begins_no_more_batches(database: FaceDatabase) -> None:
    batches = SlowBatches(database, BATCH, seed=5)
    reader = batches.prefetched(0, 10**9)
    next(reader)
    threading.Timer(0.3, batches.asked.set).start()  # while `close` waits for batch 1
    reader.close()
    assert batches.begun <= 1
    assert "face reader_0" not in {thread.name for thread in threading.enumerate()}


def test_a_batch_is_scaled_to_one_and_gray_is_made_of_its_color(database: FaceDatabase) -> None:
    faces = database.faces(range(4))
    batch = batch_of(faces)
    assert batch.color.dtype == batch.gray.dtype == np.float32
    np.testing.assert_array_equal(np.rint(batch.color * 255), faces)
    np.testing.assert_array_equal(np.rint(batch.gray[:, 0] * 255), gray_from_bgr(faces))


def test_mirroring_flips_about_half_of_the_faces_and_nothing_else(database: FaceDatabase) -> None:
    plain, mirrored = (FaceBatches(database, 64, 5, mirror=mirror) for mirror in (False, True))
    indices, flips, *_ = mirrored.choice(0)
    assert indices.tolist() == plain.choice(0)[0].tolist()
    assert not plain.choice(0)[1].any()
    assert 0.25 < flips.mean() < 0.75
    expected = plain[0].color
    expected[flips] = expected[flips, :, :, ::-1]
    np.testing.assert_array_equal(mirrored[0].color, expected)


def test_varied_light_changes_input_and_target_alike_and_no_face_twice_the_same(
    database: FaceDatabase,
) -> None:
    plain = FaceBatches(database, 64, 5)
    varied = FaceBatches(database, 64, 5, vary_light=True)
    indices, _, light, _ = varied.choice(0)
    assert indices.tolist() == plain.choice(0)[0].tolist()
    assert len(np.unique(light, axis=0)) == 64
    batch = varied[0]
    assert not np.allclose(batch.color, plain[0].color, atol=0.01)
    levels = np.rint(batch.color * 255).astype(np.uint8)
    np.testing.assert_array_equal(np.rint(batch.gray[:, 0] * 255), gray_from_bgr(levels))


def test_relighting_is_contrast_around_mid_gray_and_then_brightness() -> None:
    faces = np.array([0, 100, 200, 255], np.uint8).reshape(1, 1, 2, 2).repeat(3, axis=1)
    np.testing.assert_array_equal(relit(faces, np.array([[1.0, 0.0]])), faces)
    darker = relit(faces, np.array([[0.5, -0.1]]))
    np.testing.assert_array_equal(darker[0, 0].ravel(), [38, 88, 138, 166])
    brighter = relit(faces, np.array([[1.4, 0.15]]))
    np.testing.assert_array_equal(brighter[0, 0].ravel(), [0, 127, 255, 255])


def test_old_photos_have_the_faces_colours_in_another_luminance(database: FaceDatabase) -> None:
    plain, old = (FaceBatches(database, 64, 5, old_photos=wanted) for wanted in (False, True))
    face, aged = plain[0], old[0]
    as_it_is = np.isclose(face.gray, aged.gray, atol=1.5 / 255).all(axis=(1, 2, 3))
    assert 0.2 < as_it_is.mean() < 0.6
    chroma, kept = (batch.color - batch.gray for batch in (face, aged))
    inside = np.ptp(aged.color, axis=1) > 0  # else all of the chroma is cut off
    along = (chroma * kept).sum(axis=1)[inside]
    lengths = (np.linalg.norm(chroma, axis=1) * np.linalg.norm(kept, axis=1))[inside]
    assert np.median(along / lengths) > 0.99  # the same hue
    assert (abs(kept) < abs(chroma) + 2.5 / 255).mean() > 0.99  # and at most as much of it


def test_a_batch_splits_into_its_parts_in_order(database: FaceDatabase) -> None:
    batch = FaceBatches(database, 6, 5)[0]
    parts = batch.split(3)
    assert [part.gray.shape for part in parts] == [(2, 1, 64, 64)] * 3
    np.testing.assert_array_equal(np.concatenate([part.color for part in parts]), batch.color)


def test_an_epoch_shows_some_faces_again(database: FaceDatabase) -> None:
    again = np.array([3, 3, 7])
    batches = FaceBatches(database, BATCH, 5, again=again)
    count = len(database) + len(again)
    drawn = np.concatenate([batches.choice(k)[0] for k in range(2 * count // BATCH + 1)])
    first, second = (np.bincount(drawn[at : at + count]) for at in (0, count))
    assert first[[3, 7, 8]].tolist() == [3, 2, 1]
    np.testing.assert_array_equal(first, second)
