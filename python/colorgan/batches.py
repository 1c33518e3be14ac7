"""Training batches: the faces of a database in random order, made ready while Caffe computes."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from colorgan.database import FaceDatabase, gray_from_bgr

# Batches on their way: the one waited for, one to hide the time a batch takes, one for a slow disk.
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


def batch_of(faces: np.ndarray) -> Batch:
    """The batch made of uint8 BGR faces (N, 3, s, s)."""
    scale = np.float32(255)
    return Batch(gray_from_bgr(faces)[:, np.newaxis] / scale, faces / scale)


class FaceBatches:
    """An endless sequence of batches: every epoch all faces, in a new order.

    Batch k depends on nothing but the database, the batch size, the seed and k, so a run goes on
    where it stopped by asking for the next k: there is no reader position and no random state to
    save. Batches run across the end of an epoch; no face is left out.
    """

    def __init__(
        self, database: FaceDatabase, batch_size: int, seed: int, mirror: bool = False
    ) -> None:
        self._database = database
        self._batch_size = batch_size
        self._seed = seed
        self._mirror = mirror
        self._epoch = lru_cache(maxsize=2)(self._draw_epoch)  # a batch may touch two

    def __getitem__(self, k: int) -> Batch:
        """Batch number k, from 0."""
        indices, mirrored = self.choice(k)
        faces = self._database.faces(indices)
        faces[mirrored] = faces[mirrored, :, :, ::-1]
        return batch_of(faces)

    def choice(self, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Which faces batch k holds: their indices (N,), and a mask (N,) of those mirrored."""
        count = len(self._database)
        drawn = np.arange(k * self._batch_size, (k + 1) * self._batch_size)
        epochs = [self._epoch(epoch) for epoch in drawn // count]
        places = drawn % count
        pairs = [(order[at], flips[at]) for (order, flips), at in zip(epochs, places, strict=True)]
        indices, mirrored = (np.array(column) for column in zip(*pairs, strict=True))
        return indices, mirrored & self._mirror

    def _draw_epoch(self, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        random = np.random.default_rng([self._seed, epoch])
        order = random.permutation(len(self._database))
        return order, random.random(len(order)) < 0.5

    def prefetched(self, first: int, stop: int) -> Iterator[Batch]:
        """Batches `first` to `stop` - 1, read by a thread that stays a little ahead."""
        with ThreadPoolExecutor(1, thread_name_prefix="face reader") as reader:
            coming: deque[Future[Batch]] = deque()
            for k in range(first, stop):
                while len(coming) < PREFETCHED and k + len(coming) < stop:
                    coming.append(reader.submit(self.__getitem__, k + len(coming)))
                yield coming.popleft().result()
