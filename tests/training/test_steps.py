"""The training step against formulas (3) and (4), and Caffe's traps around it."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from colorgan.faces.batches import Batch, batch_of
from colorgan.faces.database import FaceDatabase
from colorgan.nets.deployed import generate
from colorgan.nets.prototxt import (
    PAPERS_SOLVERS,
    deploy_form,
    read_net,
    read_solver,
    set_batch_size,
    write_prototxt,
)
from colorgan.nets.runtime import load_caffe
from colorgan.phases import PhaseTimes
from colorgan.places import PROTOTXT
from colorgan.training.player import Player
from colorgan.training.steps import GanTraining, L2Training, WassersteinTraining
from small_gans import (
    BATCH,
    LAMBDA,
    N_CRITIC,
    WEIGHT_CLIP,
    make_conditional_gan,
    make_gan,
    make_wasserstein_gan,
    parameters,
    place_solver,
)


@pytest.fixture(scope="module")
def batch(faces: Path) -> Batch:
    with FaceDatabase(faces / "train_lmdb") as database:
        return batch_of(database.faces(range(BATCH)))


@pytest.fixture
def gan(tmp_path: Path) -> GanTraining:
    return make_gan(tmp_path)


def moving_averages(player: Player) -> list[np.ndarray]:
    return [b.data.copy() for n, bs in player.net.params.items() if n.startswith("bn") for b in bs]


def catch_gradients(player: Player, then_update: bool) -> list[np.ndarray]:
    """Have the player's next update leave its gradients in the list that is returned."""
    caught: list[np.ndarray] = []
    update = player.update

    def catch() -> None:
        caught.extend(parameters(player, "diff"))
        if then_update:
            update()

    player.update = catch
    return caught


def log_sigmoid(x: np.ndarray) -> np.ndarray:
    return -np.logaddexp(0, -x.astype(np.float64))


def scores(gan: GanTraining, images: np.ndarray) -> np.ndarray:
    """What D says of images before its Sigmoid."""
    gan.discriminator.net.blobs["data"].data[...] = images
    gan.discriminator.net.forward()
    return gan.discriminator.net.blobs["score"].data.copy()


def loss_g(gan: GanTraining, batch: Batch) -> float:
    """Formula (3), written out in float64."""
    gan.generate(batch)
    fake = gan.generator.net.blobs["fake"].data.copy()
    squares = np.sum((fake.astype(np.float64) - batch.color) ** 2)
    return squares / (2 * BATCH) - LAMBDA * log_sigmoid(scores(gan, fake)).mean()


def loss_d(gan: GanTraining, batch: Batch) -> float:
    """Formula (4), written out in float64."""
    fake = gan.generator.net.blobs["fake"].data.copy()
    on_real, on_fake = log_sigmoid(scores(gan, batch.color)), log_sigmoid(-scores(gan, fake))
    return -LAMBDA * (on_real.mean() + on_fake.mean())


def assert_is_gradient(
    player: Player, gradients: list[np.ndarray], loss: Callable[[], float]
) -> None:
    """Compare with central differences of `loss`, along random parts of each blob's gradient."""
    random = np.random.default_rng(0)
    learned = [bs for name, bs in player.net.params.items() if not name.startswith("bn")]
    blobs = [blob for bs in learned for blob in bs]
    assert len(blobs) == len(gradients)
    noise = 2e-4 * np.linalg.norm([np.linalg.norm(gradient) for gradient in gradients])
    for blob, gradient in zip(blobs, gradients, strict=True):
        part = gradient * (random.random(gradient.shape) < 0.5)
        if not part.any():
            part = gradient
        length = np.linalg.norm(part)
        # A critic's last bias has no gradient: raising all scores alike changes no distance.
        direction = part / length if length else np.full_like(part, 1 / part.size**0.5)
        step = direction * 6e-4  # at half of that, rounding of a critic's scores comes through
        original = blob.data.copy()
        blob.data[...] = original + step
        above = loss()
        blob.data[...] = original - step
        below = loss()
        blob.data[...] = original
        slope = (above - below) / (2 * np.linalg.norm(step))
        assert slope == pytest.approx(length, rel=0.01, abs=float(noise))


def test_gradient_of_g_is_that_of_formula_3(gan: GanTraining, batch: Batch) -> None:
    gradients = catch_gradients(gan.generator, then_update=False)
    gan.step(batch)
    assert_is_gradient(gan.generator, gradients, lambda: loss_g(gan, batch))


def test_gradient_of_d_is_that_of_formula_4(gan: GanTraining, batch: Batch) -> None:
    gan.step(batch)  # so that a G step has left its trace in D's diffs
    gradients = catch_gradients(gan.discriminator, then_update=False)
    gan.generate(batch)
    gan.disc_step()
    assert_is_gradient(gan.discriminator, gradients, lambda: loss_d(gan, batch))


def test_a_conditional_d_sees_the_gray_image_beside_both_faces(
    tmp_path: Path, batch: Batch
) -> None:
    gan = make_conditional_gan(tmp_path)
    D = gan.discriminator.net
    pairs = []
    forward = gan.discriminator.forward
    gan.discriminator.forward = lambda: (forward(), pairs.append(D.blobs["pair"].data.copy()))
    gan.step(batch)
    fake = gan.generator.net.blobs["fake"].data
    assert len(pairs) == 3
    for pair, faces in zip(pairs, (batch.color, fake, fake), strict=True):
        np.testing.assert_array_equal(pair[:, :3], faces)
        np.testing.assert_array_equal(pair[:, 3:], np.repeat(batch.gray, 3, axis=1))


def test_gradients_against_a_conditional_d_are_those_of_the_formulas(
    tmp_path: Path, batch: Batch
) -> None:
    gan = make_conditional_gan(tmp_path)
    of_d = catch_gradients(gan.discriminator, then_update=False)
    of_g = catch_gradients(gan.generator, then_update=False)
    gan.step(batch)
    assert_is_gradient(gan.generator, of_g, lambda: loss_g(gan, batch))
    assert_is_gradient(gan.discriminator, of_d, lambda: loss_d(gan, batch))


def test_a_nets_own_losses_are_reported_by_their_names(tmp_path: Path, batch: Batch) -> None:
    net = read_net(PROTOTXT / "generator_unet.prototxt")
    set_batch_size(net, BATCH)
    write_prototxt(tmp_path / "net.prototxt", net, "for a test")
    solver = read_solver(PAPERS_SOLVERS["generator"])
    solver.net = str(tmp_path / "net.prototxt")
    write_prototxt(tmp_path / "solver.prototxt", solver, "for a test")
    training = L2Training(tmp_path / "solver.prototxt", PhaseTimes())
    losses = training.step(batch)
    assert set(losses.values()) == {"l2", "distance"}
    fake = training.generator.net.blobs["fake"].data
    squares = np.square(fake - batch.color).sum(axis=(1, 2, 3))
    assert losses.own["distance"] == pytest.approx(np.sqrt(squares + 0.01).mean(), rel=1e-5)


def test_lambda_weighs_the_adversarial_gradient_against_l2(tmp_path: Path, batch: Batch) -> None:
    norms = [
        make_gan(tmp_path / str(weight), weight).step(batch, measure=True)
        for weight in (1.0, 100.0)
    ]
    assert norms[0].grad_l2 == pytest.approx(norms[1].grad_l2, rel=1e-5)
    assert norms[1].grad_adversarial == pytest.approx(100 * norms[0].grad_adversarial, rel=1e-2)


def looks_of_python(monkeypatch: pytest.MonkeyPatch) -> Counter[tuple[str, int]]:
    """Counts from now on how often Python looks at data or diff of blobs of each size."""
    blob = load_caffe()._caffe.Blob
    looks = Counter()

    def counted(kind: str, view: property) -> property:
        def look(self) -> np.ndarray:
            looks[kind, self.count] += 1
            return view.__get__(self)

        return property(look)

    for kind in ("data", "diff"):
        monkeypatch.setattr(blob, kind, counted(kind, getattr(blob, kind)))
    return looks


def test_an_iteration_brings_the_batch_to_the_nets_and_losses_back_and_no_more(
    gan: GanTraining, batch: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A look takes a blob off a GPU and back."""
    looks = looks_of_python(monkeypatch)
    gan.step(batch)
    faces, losses = (("data", size) for size in (batch.color.size, 1))
    assert looks == {faces: len(["gray", "color"]), losses: 4}


def test_gradient_that_reaches_g_is_the_sum_of_both_terms(gan: GanTraining, batch: Batch) -> None:
    gan.step(batch)
    G, D = gan.generator.net, gan.discriminator.net
    l2_term = (G.blobs["fake"].data - batch.color) / BATCH
    assert np.abs(D.blobs["data"].diff).max() > 0
    expected = l2_term + D.blobs["data"].diff
    np.testing.assert_allclose(G.blobs["fake"].diff, expected, rtol=1e-4, atol=1e-7)


def test_reported_gradient_norms_are_those_of_the_two_terms(gan: GanTraining, batch: Batch) -> None:
    losses = gan.step(batch, measure=True)
    l2_term = (gan.generator.net.blobs["fake"].data - batch.color) / BATCH
    assert losses.grad_l2 == pytest.approx(np.linalg.norm(l2_term), rel=1e-4)
    adversarial_term = gan.discriminator.net.blobs["data"].diff
    assert losses.grad_adversarial == pytest.approx(np.linalg.norm(adversarial_term), rel=1e-4)


def test_the_steps_leave_lambda_as_it_is(gan: GanTraining, batch: Batch) -> None:
    for _ in range(3):
        gan.step(batch)
    assert gan.discriminator.net.blobs["adversarial"].diff == LAMBDA
    assert gan.generator.net.blobs["l2"].diff == 1


def test_the_first_adam_step_is_the_learning_rate_in_the_gradients_direction(
    gan: GanTraining, batch: Batch
) -> None:
    gradients = catch_gradients(gan.generator, then_update=True)
    before = parameters(gan.generator)
    gan.step(batch)
    assert gan.generator.solver.iter == gan.discriminator.solver.iter == 1
    for old, new, gradient in zip(before, parameters(gan.generator), gradients, strict=True):
        clear = np.abs(gradient) > 1e-3  # so that delta does not count
        expected = old[clear] - 1e-4 * np.sign(gradient[clear])
        np.testing.assert_allclose(new[clear], expected, atol=3e-6)


def test_reported_losses_are_those_of_the_formulas(gan: GanTraining, batch: Batch) -> None:
    gan.generate(batch)
    fake = gan.generator.net.blobs["fake"].data.copy()
    real_scores, fake_scores = scores(gan, batch.color), scores(gan, fake)
    losses = gan.step(batch, measure=True)
    assert losses.l2 == pytest.approx(np.sum((fake - batch.color) ** 2) / (2 * BATCH), rel=1e-4)
    assert losses.d_real == pytest.approx(-log_sigmoid(real_scores).mean(), rel=1e-4)
    assert losses.d_fake == pytest.approx(-log_sigmoid(-fake_scores).mean(), rel=1e-4)
    assert losses.score_real == pytest.approx(np.exp(log_sigmoid(real_scores)).mean(), rel=1e-4)
    after = -log_sigmoid(scores(gan, fake)).mean()  # by the D that G's step used
    assert losses.adversarial == pytest.approx(after, rel=1e-4)


def test_the_step_of_d_moves_d_alone_and_that_of_g_moves_g_alone(
    gan: GanTraining, batch: Batch
) -> None:
    gan.generate(batch)
    before_g, before_d = parameters(gan.generator), parameters(gan.discriminator)
    judgements = gan.disc_step()
    after_d = parameters(gan.discriminator)
    assert all(map(np.array_equal, before_g, parameters(gan.generator)))
    assert not any(map(np.array_equal, before_d, after_d))
    gan.gen_step(*judgements)
    assert all(map(np.array_equal, after_d, parameters(gan.discriminator)))
    assert not any(map(np.array_equal, before_g, parameters(gan.generator)))


def test_d_is_updated_before_g_sees_its_gradient(gan: GanTraining, batch: Batch) -> None:
    order = []
    for player in (gan.discriminator, gan.generator):
        player.update = lambda name=player.name: order.append(name)
    gan.step(batch)
    assert order == ["discriminator", "generator"]


def test_batchnorm_averages_move_once_an_iteration(gan: GanTraining, batch: Batch) -> None:
    mean, variance, weight = moving_averages(gan.generator)[:3]
    assert weight == 0
    gan.step(batch)
    once = moving_averages(gan.generator)[2]
    gan.step(batch)
    assert once == pytest.approx(1.0)
    assert moving_averages(gan.generator)[2] == pytest.approx(1 + 0.99)
    assert not np.array_equal(moving_averages(gan.generator)[0], mean)


def test_drawing_samples_in_the_test_phase_leaves_the_averages_alone(
    gan: GanTraining, batch: Batch, tmp_path: Path
) -> None:
    gan.step(batch)
    before = moving_averages(gan.generator)
    deploy = tmp_path / "deploy.prototxt"
    training_net = read_net(tmp_path / "generator.prototxt")
    write_prototxt(deploy, deploy_form(training_net), "for a test")
    sampler = load_caffe().Net(str(deploy), load_caffe().TEST)
    sampler.share_with(gan.generator.net)
    first = generate(sampler, np.zeros((3, 64, 64), np.uint8))
    assert all(map(np.array_equal, before, moving_averages(gan.generator)))
    gan.step(batch)
    assert not np.array_equal(first, generate(sampler, np.zeros((3, 64, 64), np.uint8)))


@pytest.mark.parametrize("dirty", ["generator", "discriminator"])
def test_what_stands_in_the_diffs_before_a_step_does_not_reach_an_update(
    tmp_path: Path, batch: Batch, dirty: str
) -> None:
    gradients = []
    for left_over in (0, 1000):
        gan = make_gan(tmp_path / str(left_over))
        player = getattr(gan, dirty)
        for blobs in player.net.params.values():
            for blob in blobs:
                blob.diff[...] = left_over
        caught = catch_gradients(player, then_update=True)
        gan.step(batch)
        gradients.append(caught)
    assert all(map(np.array_equal, *gradients))


def test_the_g_step_leaves_the_diffs_of_d_as_they_were(gan: GanTraining, batch: Batch) -> None:
    gan.generate(batch)
    judgements = gan.disc_step()
    before = parameters(gan.discriminator, "diff")
    assert all(diff.any() for diff in before)  # the update itself
    gan.gen_step(*judgements)
    assert all(map(np.array_equal, before, parameters(gan.discriminator, "diff")))


def test_adam_makes_d_indifferent_to_lambda(tmp_path: Path, batch: Batch) -> None:
    moved = []
    for weight in (1.0, 100.0):
        gan = make_gan(tmp_path / str(weight), weight)
        gan.generate(batch)
        before = parameters(gan.discriminator)
        gan.disc_step()
        after = parameters(gan.discriminator)
        moved.append(np.concatenate([(a - b).ravel() for a, b in zip(after, before, strict=True)]))
    difference = np.linalg.norm(moved[0] - moved[1]) / np.linalg.norm(moved[1])
    assert difference < 0.05  # of plain gradient descent it would be 0.99


def test_without_force_backward_d_would_send_no_gradient_to_g(tmp_path: Path, batch: Batch) -> None:
    place_solver(tmp_path, "discriminator", LAMBDA)
    prototxt = tmp_path / "discriminator.prototxt"
    sent = {}
    for forced in (True, False):
        net = read_net(prototxt)
        net.force_backward = forced
        write_prototxt(prototxt, net, "for a test")
        D = Player("discriminator", tmp_path / "discriminator_solver.prototxt", PhaseTimes())
        D.net.blobs["data"].data[...] = batch.color
        D.net.blobs["label"].data[...] = 1
        D.forward()
        D.backward()
        sent[forced] = np.abs(D.net.blobs["data"].diff).max()
    assert sent[True] > 0
    assert sent[False] == 0


def test_l2_training_follows_the_first_term_alone(tmp_path: Path, batch: Batch) -> None:
    training = L2Training(place_solver(tmp_path, "generator", LAMBDA), PhaseTimes())
    gradients = catch_gradients(training.generator, then_update=False)
    losses = training.step(batch, measure=True)
    assert set(losses.values()) == {"l2", "grad_l2"}

    def loss() -> float:
        training.generate(batch)
        fake = training.generator.net.blobs["fake"].data.astype(np.float64)
        return np.sum((fake - batch.color) ** 2) / (2 * BATCH)

    assert_is_gradient(training.generator, gradients, loss)


@pytest.fixture
def wasserstein_gan(tmp_path: Path) -> WassersteinTraining:
    return make_wasserstein_gan(tmp_path)


@pytest.fixture(scope="module")
def critic_batch(faces: Path) -> Batch:
    """Faces for a whole step: as many batches as the critic has updates."""
    with FaceDatabase(faces / "train_lmdb") as database:
        return batch_of(database.faces(range(N_CRITIC * BATCH)))


def test_gradient_of_the_critic_is_that_of_the_wasserstein_distance(
    wasserstein_gan: WassersteinTraining, batch: Batch
) -> None:
    gan = wasserstein_gan
    gradients = catch_gradients(gan.discriminator, then_update=False)
    gan.generate(batch)
    gan.disc_step()

    def loss() -> float:
        fake = gan.generator.net.blobs["fake"].data.copy()
        on_fake, on_real = (scores(gan, x).astype(np.float64) for x in (fake, batch.color))
        return LAMBDA * (on_fake.mean() - on_real.mean())

    assert_is_gradient(gan.discriminator, gradients, loss)


def test_gradient_of_g_is_that_of_l2_and_the_critics_score(
    wasserstein_gan: WassersteinTraining, batch: Batch
) -> None:
    gan = wasserstein_gan
    gan.generate(batch)
    judgements = gan.disc_step()
    gradients = catch_gradients(gan.generator, then_update=False)
    gan.gen_step(*judgements)

    def loss() -> float:
        gan.generate(batch)
        fake = gan.generator.net.blobs["fake"].data.copy()
        squares = np.sum((fake.astype(np.float64) - batch.color) ** 2)
        return squares / (2 * BATCH) - LAMBDA * scores(gan, fake).astype(np.float64).mean()

    assert_is_gradient(gan.generator, gradients, loss)


def test_the_critic_is_updated_n_times_on_faces_of_its_own_and_its_weights_are_clipped(
    wasserstein_gan: WassersteinTraining, critic_batch: Batch
) -> None:
    gan = wasserstein_gan
    seen = []
    judge = gan.judge
    gan.judge = lambda faces, *how: (seen.append(faces.data.copy()), judge(faces, *how))[1]
    largest = max(np.abs(blob).max() for blob in parameters(gan.discriminator))
    assert largest > WEIGHT_CLIP
    gan.step(critic_batch)
    assert (gan.discriminator.solver.iter, gan.generator.solver.iter) == (N_CRITIC, 1)
    real = np.concatenate(seen[: 2 * N_CRITIC : 2])
    np.testing.assert_array_equal(real, critic_batch.color)
    largest = max(np.abs(blob).max() for blob in parameters(gan.discriminator))
    assert largest == pytest.approx(WEIGHT_CLIP)


def test_a_critics_scores_are_reported_as_they_are(
    wasserstein_gan: WassersteinTraining, critic_batch: Batch
) -> None:
    losses = wasserstein_gan.step(critic_batch, measure=True)
    assert losses.score_real == pytest.approx(-losses.d_real, rel=1e-4)
    assert losses.score_fake == pytest.approx(losses.d_fake, rel=1e-4)
