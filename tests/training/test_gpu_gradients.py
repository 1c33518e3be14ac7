"""A GPU's gradients against the CPU's of the same weights and faces: pytest --gpu 0.

Both round to float32, each in its own way. Where that decides on which side of 0 a value before a
ReLU is, its gradient is another one; with a slope close to 1 that hardly counts. ReLU's own
gradient is tested in tests/engine.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from colorgan.faces.batches import Batch, batch_of
from colorgan.training.player import Player
from colorgan.training.steps import GanTraining
from small_gans import BATCH, N_CRITIC, make_conditional_gan, make_gan, make_wasserstein_gan

# Formulas (3) and (4); the same with a D that sees gray; the critic's.
MAKERS = {"gan": make_gan, "conditional": make_conditional_gan, "wgan": make_wasserstein_gan}
SLOPE = 0.99  # of all ReLUs
TOLERANCE = 1e-4  # of a blob's norm
ZERO = 1e-5  # of the largest norm of its kind: a critic's last bias has no gradient

Arrays = dict[str, np.ndarray]


def blobs_of(gan: GanTraining) -> Iterator[tuple[str, Any]]:
    """The blobs between the layers of both nets, and their names."""
    for player in gan.players:
        yield from ((f"{player.name}/{name}", blob) for name, blob in player.net.blobs.items())


def parameters_of(player: Player) -> Iterator[tuple[str, Any]]:
    """The parameters of a net, and their names."""
    for layer, blobs in player.net.params.items():
        yield from ((f"{player.name}/{layer}/{index}", blob) for index, blob in enumerate(blobs))


def step(
    make: Callable[..., GanTraining], folder: Path, faces: Batch, weights: Arrays | None = None
) -> tuple[Arrays, Arrays]:
    """A step whose updates are left out: the weights, and what it leaves.

    What it leaves are data and diffs of all blobs, and the gradients that updates would have taken.
    """
    gan = make(folder, slope=SLOPE)
    taken, left = {}, {}
    for player in gan.players:
        for name, blob in parameters_of(player):
            if weights:
                blob.data[...] = weights[name]
            taken[name] = blob.data.copy()

        def update(player: Player = player) -> None:
            left.update(
                (f"gradient/{name}", blob.diff.copy()) for name, blob in parameters_of(player)
            )

        player.update = update
    gan.clip_weights = lambda: None
    gan.step(faces)
    for name, blob in blobs_of(gan):
        left[f"data/{name}"], left[f"diff/{name}"] = blob.data.copy(), blob.diff.copy()
    return taken, left


@pytest.fixture(params=MAKERS)
def both(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Arrays, Arrays]:
    """What the same step leaves on the CPU and on the GPU."""
    if request.config.getoption("--gpu") is None:
        pytest.skip("no GPU was named: pytest --gpu 0")
    make, count = MAKERS[request.param], BATCH * (N_CRITIC if request.param == "wgan" else 1)
    random = np.random.default_rng(0)
    faces = batch_of(random.integers(0, 256, (count, 3, 64, 64), np.uint8))
    with ThreadPoolExecutor(1) as cpu:  # Caffe starts every thread on the CPU
        weights, on_cpu = cpu.submit(step, make, tmp_path / "cpu", faces).result()
    return on_cpu, step(make, tmp_path / "gpu", faces, weights)[1]


def test_each_blob_and_gradient_is_the_cpus(both: tuple[Arrays, Arrays]) -> None:
    on_cpu, on_gpu = both
    assert on_cpu.keys() == on_gpu.keys()
    largest: dict[str, float] = {}
    for name, array in on_cpu.items():
        kind = name.partition("/")[0]
        largest[kind] = max(largest.get(kind, 0), float(np.linalg.norm(array)))
    assert all(largest.values())
    wrong = {}
    for name, expected in on_cpu.items():
        scale = max(np.linalg.norm(expected), ZERO * largest[name.partition("/")[0]] / TOLERANCE)
        relative = np.linalg.norm(on_gpu[name] - expected) / scale
        if not relative < TOLERANCE:
            wrong[name] = float(relative)
    assert not wrong
