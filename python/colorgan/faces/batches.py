"""Training batches: the faces of a database in random order, made ready while Caffe computes."""

from collections import deque
from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from colorgan.faces.aging import aged_by_chance
from colorgan.faces.database import FaceDatabase
from colorgan.luminance import gray_from_bgr, stretched, with_luminance

# Ranges of varied light on training faces: contrast around mid-gray, then brightness.
CONTRASTS = (0.6, 1.4)
BRIGHTNESSES = (-0.15, 0.15)  # of the full range

# Batches in preparation: the next one, one to hide the time a batch takes, one for a slow disk.
PREFETCHED = 3


@dataclass(frozen=True)
class Batch:
    """Faces for one iteration.

    Attributes:
        gray: float32 (N, 1, s, s) in [0, 1]; G's input repeats it to 3 channels.
        color: float32 (N, 3, s, s) in [0, 1], channels B, G, R.
    """

    gray: np.ndarray
    color: np.ndarray

    def split(self, parts: int) -> list["Batch"]:
        """Batches of N / `parts` faces each, in order."""
        halves = (np.split(array, parts) for array in (self.gray, self.color))
        return [Batch(gray, color) for gray, color in zip(*halves, strict=True)]


def batch_of(faces: np.ndarray) -> Batch:
    """Make a batch of uint8 BGR faces (N, 3, s, s)."""
    scale = np.float32(255)
    return Batch(gray_from_bgr(faces)[:, np.newaxis] / scale, faces / scale)


def relit(faces: np.ndarray, light: np.ndarray) -> np.ndarray:
    """Show uint8 faces (N, 3, s, s) in other light: (N, 2), a contrast and a brightness for each.

    A level v becomes 127.5 + contrast (v - 127.5) + 255 brightness, rounded and clipped to 8 bits.
    The gray image is made from the result, so that G's input and target change together.
    """
    contrast, brightness = light.T.reshape(2, -1, 1, 1, 1)
    levels = 127.5 + contrast * (faces - 127.5) + 255 * brightness
    return np.clip(np.rint(levels), 0, 255).astype(np.uint8)


def as_in_old_photos(faces: np.ndarray, seeds: np.ndarray) -> np.ndarray:
    """Show uint8 faces (N, 3, s, s) as in old photos, with a seed for each, (N,).

    The gray image is aged, and then stretched to full contrast, as in colouring photos. The face
    keeps its chroma as far as that fits.
    """
    aged = (
        aged_by_chance(gray, np.random.default_rng(seed))
        for gray, seed in zip(gray_from_bgr(faces), seeds.tolist(), strict=True)
    )
    return with_luminance(faces, np.stack([stretched(gray) for gray in aged]))


class FaceBatches:
    """An endless sequence of batches: each epoch has all faces in a new order, and some repeated.

    Batch k only depends on the database, the batch size, the seed and k. So a run resumes by asking
    for the next k, and there is no position or random state to save. Batches continue across the
    end of an epoch, so no face is left out.
    """

    def __init__(
        self,
        database: FaceDatabase,
        batch_size: int,
        seed: int,
        *,
        mirror: bool = False,
        vary_light: bool = False,
        old_photos: bool = False,
        again: np.ndarray | None = None,
        share: slice = slice(None),
    ) -> None:
        """`mirror` mirrors a random half of the faces, `vary_light` relights each at random, and
        `old_photos` applies `as_in_old_photos`.

        `again` lists faces, by index, that an epoch shows once more for each time they are listed.
        `share` selects the faces of a batch that are read here; other processes read the rest.
        """
        self._database = database
        self._batch_size = batch_size
        self._seed = seed
        self._mirror = mirror
        self._vary_light = vary_light
        self._old_photos = old_photos
        self._share = share
        once = np.arange(len(database))
        self._shown = once if again is None else np.concatenate([once, again])
        self._epoch = lru_cache(maxsize=2)(self._draw_epoch)  # a batch may touch two

    def __getitem__(self, k: int) -> Batch:
        """Batch number k, from 0."""
        indices, mirrored, light, seeds = self.choice(k)
        faces = self._database.faces(indices)
        faces[mirrored] = faces[mirrored, :, :, ::-1]
        if self._vary_light:
            faces = relit(faces, light)
        return batch_of(as_in_old_photos(faces, seeds) if self._old_photos else faces)

    def choice(self, k: int) -> tuple[np.ndarray, ...]:
        """Which faces batch k, or the share of it, has, and how they are shown.

        Returns their indices (N,), a mask (N,) of those mirrored, the contrast and brightness for
        `relit` (N, 2), and the seeds for ageing (N,).
        """
        count = len(self._shown)
        drawn = np.arange(k * self._batch_size, (k + 1) * self._batch_size)[self._share]
        epochs = [self._epoch(epoch) for epoch in drawn // count]
        places = drawn % count
        rows = [[column[at] for column in epoch] for epoch, at in zip(epochs, places, strict=True)]
        indices, mirrored, light, seeds = map(np.array, zip(*rows, strict=True))
        return indices, mirrored & self._mirror, light, seeds

    def _draw_epoch(self, epoch: int) -> tuple[np.ndarray, ...]:
        random = np.random.default_rng([self._seed, epoch])
        order = random.permutation(self._shown)
        mirrored = random.random(len(order)) < 0.5
        least, most = zip(CONTRASTS, BRIGHTNESSES, strict=True)
        light = random.uniform(least, most, size=(len(order), 2))
        return order, mirrored, light, random.integers(2**32, size=len(order))

    def prefetched(self, first: int, stop: int) -> Generator[Batch, None, None]:
        """Yield batches `first` to `stop` - 1, read by a thread that stays a little ahead.

        After an error, or when closed, it waits for the batch that is being read, but for no more.
        """
        reader = ThreadPoolExecutor(1, thread_name_prefix="face reader")
        coming: deque[Future[Batch]] = deque()
        try:
            for k in range(first, stop):
                while len(coming) < PREFETCHED and k + len(coming) < stop:
                    coming.append(reader.submit(self.__getitem__, k + len(coming)))
                yield coming.popleft().result()
        finally:
            reader.shutdown(cancel_futures=True)
