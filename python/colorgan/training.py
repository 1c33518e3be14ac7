"""Training, from an LMDB of faces to weights: the loop around the step of steps.py."""

import hashlib
import json
import math
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from tqdm import tqdm

from colorgan import figures, metrics, nets
from colorgan.averaging import WeightAverage
from colorgan.batches import FaceBatches
from colorgan.caffe_runtime import load_caffe
from colorgan.database import FaceDatabase
from colorgan.errors import UserError
from colorgan.files import read_json
from colorgan.luminance import gray_from_bgr
from colorgan.phases import PhaseTimes, TrainingTimes
from colorgan.runfolder import RunFolder, read_log
from colorgan.steps import GanTraining, L2Training, StepLosses, WassersteinTraining

# Faces in the sample grid: as many as stand side by side on a screen at 64 pixels each.
GRID_FACES = 12
# Who plays in each training mode, G first, and the net of D.
PLAYERS = {
    "gan": ("generator", "discriminator"),
    "l2": ("generator",),
    "wgan": ("generator", "discriminator"),
}
DISCRIMINATORS = {"gan": nets.DISCRIMINATOR_PROTOTXT, "wgan": nets.CRITIC_PROTOTXT}
# What a Wasserstein GAN has besides: the values of Arjovsky, Chintala and Bottou 2017.
WASSERSTEIN = {"n_critic": 5, "weight_clip": 0.01}
# Faces that the validation net sees at once: more is no faster and costs memory beside training.
VALIDATION_BATCH = 16


@dataclass(frozen=True)
class TrainingConfig:
    """What a run is, apart from its place and its device: two equal ones give equal weights.

    Attributes:
        data: folder with train_lmdb and test_lmdb.
        faces: checksum of what the manifest there says of the faces; what `data` moves with.
        mode: "gan", formulas (3) and (4); "l2", the first term of (3) alone (Figure 4a); "wgan",
            a critic in place of D (the paper's future work).
        generator: the prototxt file of G when the run began; the run has its own copy.
        generator_solver: likewise, of G's solver; the paper's Adam, or RMSProp in mode "wgan".
        batch_size: faces an iteration; assumed 64, in the prototxt.
        iterations: updates of G (and of D); assumed 20,000, in the solver.
        adversarial_weight: lambda of (3) and (4); 100 in the paper and in the prototxt of D; None
            in mode "l2".
        seed: of the weights' first values, the order of the faces and their mirroring.
        n_critic, weight_clip: updates of the critic to one of G, and the bound on its weights; None
            but in mode "wgan".
        mirror: whether a random half of the faces is mirrored; the paper mentions none.
        vary_light: whether each face is shown in random contrast and brightness; likewise.
        average: decay an iteration of the average of G's weights that is kept, validated and
            released beside them; None for none, as in the paper.
        log_every, validate_every, snapshot_every: intervals in iterations.
        keep: how many of the last snapshots stay, besides the best.
        validation_faces: how many faces, the first of test_lmdb, the best snapshot is chosen on.
        least_colorfulness: share of the originals' colourfulness that the best snapshot must reach:
            PSNR, which chooses it, rewards dull colours. 0 in the paper's runs.
    """

    data: str
    faces: str
    generator: str
    batch_size: int
    iterations: int
    adversarial_weight: float | None
    mode: str = "gan"
    generator_solver: str = nets.project_path(nets.SOLVERS["generator"])
    n_critic: int | None = None
    weight_clip: float | None = None
    seed: int = 1
    mirror: bool = False
    vary_light: bool = False
    average: float | None = None
    log_every: int = 10
    validate_every: int = 250
    snapshot_every: int = 500
    keep: int = 3
    validation_faces: int = 256
    least_colorfulness: float = 0.0


def configure(given: dict[str, Any]) -> TrainingConfig:
    """A new run's configuration: what was given; for the rest, what prototxt and solver state."""
    mode = given.get("mode", TrainingConfig.mode)
    generator = Path(given.get("generator", nets.GENERATOR_PROTOTXT))
    solvers = nets.WASSERSTEIN_SOLVERS if mode == "wgan" else nets.SOLVERS
    solver = Path(given.get("generator_solver", solvers["generator"]))
    stated = {
        "batch_size": nets.batch_size_of(nets.read_net(generator, nets.BLOBS["generator"])),
        "iterations": nets.read_solver(solver).max_iter,
        "adversarial_weight": None,
    }
    if mode in DISCRIMINATORS:
        discriminator = nets.read_net(DISCRIMINATORS[mode])
        stated["adversarial_weight"] = nets.adversarial_weight(discriminator)
    elif "adversarial_weight" in given:
        raise UserError("--lambda: weighs the adversarial losses, which --mode l2 has not")
    if mode == "wgan":
        stated |= WASSERSTEIN
    elif WASSERSTEIN.keys() & given:
        raise UserError("--n-critic, --weight-clip: belong to the critic of --mode wgan")
    files = {
        "faces": checksum_of_faces(Path(given["data"])),
        "generator": nets.project_path(generator),
        "generator_solver": nets.project_path(solver),
    }
    return TrainingConfig(**{**stated, **given, **files})


def checksum_of_faces(data: Path) -> str:
    """What tells one set of faces from another: a checksum of the manifest, without its paths."""
    manifest = read_json(data / "manifest.json")
    told = [manifest[part] for part in ("splits", "options", "crop", "resize")]
    told.append({k: v for k, v in manifest["source"].items() if k != "images"})
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def open_faces(config: TrainingConfig, generator: Path) -> tuple[FaceDatabase, FaceDatabase]:
    """The training and the test faces; UserError where they are absent or not of G's size."""
    data = Path(config.data)
    if checksum_of_faces(data) != config.faces:
        raise UserError(f"{data}: not the faces that this run was begun with; choose another --out")
    train, test = (FaceDatabase(data / f"{split}_lmdb") for split in ("train", "test"))
    side = nets.face_size_of(nets.read_net(generator))
    for database in (train, test):
        if database.size != side:
            raise UserError(
                f"{database.path}: faces of {database.size} pixels, but {generator} takes "
                f"{side}; build the LMDB with --size {side}"
            )
    return train, test


class Validation:
    """The first test faces, on which generators are judged while they train."""

    def __init__(self, database: FaceDatabase, count: int) -> None:
        self._real = database.faces(range(count))
        self._gray = gray_from_bgr(self._real)
        self.colorfulness = float(np.mean(metrics.colorfulness(self._real)))

    def measure(self, net, prefix: str = "val") -> tuple[dict[str, float], np.ndarray]:
        """Color the faces with a deploy net: values for the log, and the sample grid, a picture."""
        parts = np.array_split(self._gray, math.ceil(len(self._gray) / VALIDATION_BATCH))
        fake = nets.to_uint8(np.concatenate([nets.generate(net, part) for part in parts]))
        values = {
            f"{prefix}_psnr": float(np.mean(metrics.psnr(fake, self._real))),
            f"{prefix}_colorfulness": float(np.mean(metrics.colorfulness(fake))),
        }
        some = slice(GRID_FACES)
        return values, figures.sample_grid(self._gray[some], fake[some], self._real[some])


@dataclass
class StopRequest:
    """The number of the first signal that asked the run to stop; 0 while none did."""

    signal: int = 0


@contextmanager
def stop_requests() -> Iterator[StopRequest]:
    """Take the first Ctrl-C or SIGTERM as a wish to stop after the iteration; a second one ends."""
    stop = StopRequest()
    usual = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def back_to_usual() -> None:
        for number, handler in usual.items():
            signal.signal(number, handler)

    def ask(number: int, _frame: object) -> None:
        stop.signal = number
        back_to_usual()

    for number in usual:
        signal.signal(number, ask)
    try:
        yield stop
    finally:
        back_to_usual()


class Trainer:
    """One run: its folder, its nets and solvers, its faces."""

    def __init__(
        self, config: TrainingConfig, run: RunFolder, train: FaceDatabase, test: FaceDatabase
    ) -> None:
        self.config = config
        self.run = run
        self.times = TrainingTimes()
        solvers = [place_solver(config, run, name) for name in PLAYERS[config.mode]]
        self.training = make_training(config, solvers, self.times)
        self.batches = FaceBatches(
            train,
            config.batch_size * self.training.batches_per_step,
            config.seed,
            mirror=config.mirror,
            vary_light=config.vary_light,
        )
        self.validation = Validation(test, min(config.validation_faces, len(test)))
        deploy = str(run.path / "generator_deploy.prototxt")
        generator = self.training.generator.net
        # G in the TEST phase, on the very weights that are trained.
        self.deployed = load_caffe().Net(deploy, load_caffe().TEST)
        self.deployed.share_with(generator)
        self.average = WeightAverage(generator, deploy, config.average) if config.average else None
        self.iteration = self._logged_iteration = 0
        self.best_psnr = -math.inf

    def resume(self) -> None:
        """Go on from the run's last snapshot, on a CPU bit for bit as if it had never stopped."""
        snapshot = self.run.last_snapshot()
        if snapshot:  # a run that ended before its first one begins again
            for player in self.training.players:
                player.restore(snapshot.path)
            if self.average:
                self.average.restore(snapshot.path)
            self.iteration = self._logged_iteration = snapshot.state["iteration"]
            self.best_psnr = snapshot.state["best_psnr"]
        self.run.cut_log(self.iteration)

    def train(self) -> int:
        """Run the iterations that remain; 0, or 128 + the number of the signal that stopped it.

        UserError where a loss or a weight stops being finite, or the run folder cannot be written.
        """
        with self.times.run(), stop_requests() as stop, self._progress() as progress:
            try:
                self._train(stop, progress)
            except OSError as error:
                raise UserError(
                    f"{self.run.path}: cannot be written ({error.strerror}); the last good "
                    f"snapshot is {self.run.last_snapshot_name()}; mend that and --resume"
                ) from None
        if self.run.log_path.exists():  # a run may be stopped before its first record
            figures.training_curves(read_log(self.run.log_path), self.run.path / "curves.png")
        return 128 + stop.signal if stop.signal else 0

    def _train(self, stop: StopRequest, progress: tqdm) -> None:
        config = self.config
        for losses in self._steps():
            done = self.iteration == config.iterations
            progress.update()
            if self.iteration % config.log_every == 0:
                self._log(losses, progress)
            improved = False
            if self.iteration % config.validate_every == 0 or done:
                improved = self._validate(progress)
            if self.iteration % config.snapshot_every == 0 or done or improved or stop.signal:
                self._take_snapshot(is_best=improved)
            if stop.signal:
                break

    def _steps(self) -> Iterator[StepLosses]:
        """Do one iteration after the other; gives each one's losses, which are finite."""
        batches = self.batches.prefetched(self.iteration, self.config.iterations)
        while self.iteration < self.config.iterations:
            with self.times.phase("next batch"):
                batch = next(batches)
            measured = (self.iteration + 1) % self.config.log_every == 0
            losses = self.training.step(batch, measure=measured)
            self.iteration += 1
            if self.average:
                self.average.follow(self.iteration)
            if not all(map(math.isfinite, losses.values().values())):
                self._give_up(" ".join(f"{k}={v:g}" for k, v in losses.values().items()))
            yield losses

    def _give_up(self, what: str) -> NoReturn:
        raise UserError(
            f"{self.run.path}: iteration {self.iteration} is not finite ({what}); the last good "
            f"snapshot is {self.run.last_snapshot_name()}; try a smaller base_lr or lambda"
        )

    def _progress(self) -> tqdm:
        """The progress bar; where nobody watches a terminal, only its written lines remain."""
        return tqdm(
            initial=self.iteration,
            total=self.config.iterations,
            desc=self.config.mode,
            unit="it",
            dynamic_ncols=True,
            disable=None,
        )

    def _log(self, losses: StepLosses, progress: tqdm) -> None:
        images = (self.iteration - self._logged_iteration) * self.config.batch_size
        rate = images / self.times.since_last_log()
        self._logged_iteration = self.iteration
        with self.times.phase("log"):
            record = {"iteration": self.iteration, **losses.values(), "images_per_second": rate}
            self.run.log(record)
            shown = ("l2", "adversarial", "d_real", "d_fake")
            text = " ".join(f"{name}={record[name]:.3g}" for name in shown if name in record)
            progress.set_postfix_str(f"{text} {rate:.1f} images/s", refresh=False)

    def _validate(self, progress: tqdm) -> bool:
        """Log the validation values, draw the sample grid; whether G was never better."""
        with self.times.phase("validation"):
            values, grid = self.validation.measure(self.deployed)
            psnr, colorfulness = values.values()
            if self.average:  # what the run is to give in the end, and so what is judged
                of_average, grid = self.validation.measure(self.average.net, "val_average")
                psnr, colorfulness = of_average.values()
                values |= of_average
            self.run.log({"iteration": self.iteration, **values})
            figures.save_png(self.run.samples_path / f"iter_{self.iteration:08d}.png", grid)
            colored = colorfulness >= self.config.least_colorfulness * self.validation.colorfulness
            improved = colored and psnr > self.best_psnr
            if improved:
                self.best_psnr = psnr
            progress.write(
                f"iteration {self.iteration}: validation PSNR {psnr:.2f} dB"
                f"{' (best)' if improved else ''}, colourfulness {colorfulness:.3f}"
            )
            return improved

    def _take_snapshot(self, is_best: bool) -> None:
        with self.times.phase("snapshot"):
            players = self.training.players
            if not all(player.is_finite() for player in players):
                self._give_up("weights that are no numbers")

            def write() -> None:
                for player in players:
                    player.snapshot(self.run.writing_path)
                if self.average:
                    self.average.snapshot(self.run.writing_path)

            state = {"iteration": self.iteration, "best_psnr": self.best_psnr}
            size = sum(player.snapshot_bytes() for player in players)
            keep = self.config.keep
            self.run.save_snapshot(state, write, size=size, keep=keep, is_best=is_best)


def make_training(config: TrainingConfig, solvers: list[Path], times: PhaseTimes) -> L2Training:
    """The rules of the configuration's mode, with the nets that the solvers name."""
    if config.mode == "wgan":
        return WassersteinTraining(*solvers, times, config.n_critic, config.weight_clip)
    return (GanTraining if config.mode == "gan" else L2Training)(*solvers, times)


def write_prototxts(config: TrainingConfig, run: RunFolder) -> None:
    """Put the run's own nets and solvers into its folder, with the configuration's values set."""
    for name in PLAYERS[config.mode]:
        if name == "generator":
            sources = config.generator, config.generator_solver
            source, solver_source = (nets.PROJECT_ROOT / path for path in sources)
        else:
            solvers = nets.WASSERSTEIN_SOLVERS if config.mode == "wgan" else nets.SOLVERS
            source, solver_source = DISCRIMINATORS[config.mode], solvers[name]
        net = nets.read_net(source, nets.BLOBS[name])
        nets.set_batch_size(net, config.batch_size)
        if name == "discriminator":
            nets.set_adversarial_weight(net, config.adversarial_weight)
        else:
            deploy = run.path / "generator_deploy.prototxt"
            nets.write_prototxt(deploy, nets.deploy_form(net), f"{source.name} without its loss")
        nets.write_prototxt(run.path / f"{name}.prototxt", net, f"{source.name} as this run has it")
        solver = nets.read_solver(solver_source)
        nets.write_prototxt(run.path / f"{name}_solver.prototxt", solver, solver_source.name)


def trains_generator(run: RunFolder, prototxt: Path, batch_size: int) -> bool:
    """Whether the generator of `prototxt` is the one that the run has."""
    net = nets.read_net(prototxt)
    nets.set_batch_size(net, batch_size)
    return net == nets.read_net(run.path / "generator.prototxt")


def place_solver(config: TrainingConfig, run: RunFolder, name: str) -> Path:
    """Set what belongs to this start of a run in a solver's prototxt; returns its path.

    G and D get seeds of their own: Caffe has one stream of random numbers, which each solver
    starts anew, and with one seed D's weights would repeat G's numbers.
    """
    path = run.path / f"{name}_solver.prototxt"
    net = run.path / f"{name}.prototxt"
    nets.read_net(net, nets.BLOBS[name])  # a resumed run's, which may be of another version
    solver = nets.read_solver(path)
    solver.net = str(net)
    solver.snapshot_prefix = str(run.writing_path / name)
    solver.max_iter = config.iterations
    solver.random_seed = config.seed + PLAYERS["gan"].index(name)
    nets.write_prototxt(path, solver, f"the {solver.type} solver of this run's {name}")
    nets.try_building(path)
    return path
