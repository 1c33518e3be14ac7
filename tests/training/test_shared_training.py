"""Training that several processes share: the whole batch's formulas (3) and (4), the same weights.

BatchNorm's statistics are those of a process's share of the batch, if not said otherwise.
"""

import os
from pathlib import Path

import numpy as np
import pytest
from test_steps import assert_is_gradient, loss_d, loss_g, moving_averages

from colorgan.faces.batches import Batch, batch_of
from colorgan.nets.runtime import load_caffe
from colorgan.processes import all_processes
from colorgan.training.player import Player
from colorgan.training.steps import GanTraining
from mpi import in_processes
from small_gans import BATCH, make_gan, parameters

STEPS = 3


def drawn(number: int, count: int = BATCH) -> Batch:
    """Batch of random faces number `number`."""
    levels = np.random.default_rng(number).integers(0, 256, (count, 3, 64, 64), np.uint8)
    return batch_of(levels)


def weights(gan: GanTraining) -> list[np.ndarray]:
    return [part for p in gan.players for part in (*parameters(p), *moving_averages(p))]


def train_on(folder: Path, own_faces: bool) -> list[np.ndarray]:
    """The weights after some steps, on other faces in each process or on the same in all."""
    number = all_processes().rank if own_faces else 0
    gan = make_gan(folder / f"{number}-{os.getpid()}")
    for step in range(STEPS):
        gan.step(drawn(10 * step + number))
    return weights(gan)


def same_bits(one: list[np.ndarray], other: list[np.ndarray]) -> bool:
    return all(a.tobytes() == b.tobytes() for a, b in zip(one, other, strict=True))


def test_processes_on_different_faces_hold_the_same_weights_bit_for_bit(tmp_path: Path) -> None:
    one, other = in_processes(2, train_on, tmp_path, True)
    assert same_bits(one, other)
    (alone,) = in_processes(1, train_on, tmp_path, True)
    assert not same_bits(one, alone)  # they have learned from each other's faces


def test_processes_on_the_same_faces_are_one_process_bit_for_bit(tmp_path: Path) -> None:
    one, other = in_processes(2, train_on, tmp_path, False)
    (alone,) = in_processes(1, train_on, tmp_path, False)  # likewise of one thread
    assert same_bits(one, alone)
    assert same_bits(other, alone)


def catch_averaged(player: Player) -> list[np.ndarray]:
    """Have the player's next update leave its gradients in the list, and no step be taken."""
    caught: list[np.ndarray] = []

    def catch() -> None:
        player.average()
        caught.extend(parameters(player, "diff"))

    player.update = catch
    return caught


def check_gradients(folder: Path) -> None:
    """Compare the gradients that both processes step by with differences of the whole loss."""
    processes = all_processes()
    batch = drawn(processes.rank)
    gan = make_gan(folder / f"{processes.rank}")
    gan.step(batch)
    of_d = catch_averaged(gan.discriminator)
    gan.generate(batch)
    judgements = gan.disc_step()

    def mean(loss: float) -> float:
        return processes.mean({"loss": loss})["loss"]

    assert_is_gradient(gan.discriminator, of_d, lambda: mean(loss_d(gan, batch)))
    of_g = catch_averaged(gan.generator)
    gan.generate(batch)
    gan.gen_step(*judgements)
    assert_is_gradient(gan.generator, of_g, lambda: mean(loss_g(gan, batch)))


def test_gradients_of_two_processes_are_those_of_formulas_3_and_4(tmp_path: Path) -> None:
    in_processes(2, check_gradients, tmp_path)


def measure(folder: Path, own_faces: bool) -> dict[str, float]:
    """What a first step reports of the whole batch."""
    processes = all_processes()
    number = processes.rank if own_faces else 0
    gan = make_gan(folder / f"{number}-{os.getpid()}")
    return gan.step(drawn(number), measure=True).of_all(processes)


def test_losses_and_gradients_reported_are_those_of_the_whole_batch(tmp_path: Path) -> None:
    alone = measure(tmp_path, False)
    twice, again = in_processes(2, measure, tmp_path, False)
    assert twice == again
    for name, value in alone.items():  # a batch with each face twice: half the gradient for each
        expected = value / np.sqrt(2) if name.startswith("grad_") else value
        assert twice[name] == pytest.approx(expected, rel=1e-6), name
    halves = [make_gan(tmp_path / f"{n}").step(drawn(n)).l2 for n in range(2)]
    assert in_processes(2, measure, tmp_path, True)[0]["l2"] == pytest.approx(np.mean(halves))


def first_step(folder: Path, shared: bool) -> dict[str, np.ndarray]:
    """What a step on the whole batch reports, the gradients that it takes, and moving averages."""
    processes = all_processes()
    average = processes.average
    load_caffe().share_batches(processes.size if shared else 1, lambda sums: average([sums]))
    whole = drawn(0, 2 * BATCH)
    batch = Batch(whole.gray[processes.share], whole.color[processes.share])
    gan = make_gan(folder / f"{shared}-{os.getpid()}", batch=len(batch.gray))
    caught = [catch_averaged(player) for player in gan.players]
    losses = gan.step(batch, measure=True).of_all(processes)
    measured = {
        **{name: [np.array(value)] for name, value in losses.items()},
        "gradients of G": caught[0],
        "gradients of D": caught[1],
        "moving averages": moving_averages(gan.generator),
    }
    return {name: np.concatenate([a.ravel() for a in arrays]) for name, arrays in measured.items()}


def first_steps(folder: Path) -> list[dict[str, np.ndarray]]:
    return [first_step(folder, shared) for shared in (True, False)]


def differences(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> dict[str, float]:
    return {k: float(np.linalg.norm(one[k] - v) / np.linalg.norm(v)) for k, v in other.items()}


def test_with_shared_statistics_two_shares_are_the_whole_batch(tmp_path: Path) -> None:
    ((whole, _),) = in_processes(1, first_steps, tmp_path)
    for shared, apart in in_processes(2, first_steps, tmp_path):
        assert max(differences(shared, whole).values()) < 1e-5
        assert differences(apart, whole)["gradients of G"] > 1e-3
