"""The training loop around the step of steps.py: from an LMDB of faces to trained weights."""

import math
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import NoReturn

import numpy as np
from tqdm import tqdm

from colorgan.errors import UserError
from colorgan.faces.batches import Batch, FaceBatches
from colorgan.faces.database import FaceDatabase
from colorgan.measuring.figures.canvas import save_png
from colorgan.measuring.figures.curves import curves_figure
from colorgan.measuring.quality.skin import with_darkest_skin
from colorgan.measuring.trainings.log import read_log
from colorgan.nets.deployed import begin_with
from colorgan.nets.runtime import load_caffe
from colorgan.phases import PhaseTimes
from colorgan.places import ROOT
from colorgan.processes import all_processes
from colorgan.training.averaging import WeightAverage
from colorgan.training.config import TrainingConfig
from colorgan.training.modes import MODES
from colorgan.training.run_nets import place_solver
from colorgan.training.runfolder import RunFolder
from colorgan.training.steps import L2Training
from colorgan.training.stops import StopRequest, stop_requests
from colorgan.training.times import TrainingTimes
from colorgan.training.validation import Validation


class Trainer:
    """One run: its folder, its nets and solvers, its faces.

    Several processes may share a run. Each trains on its part of every batch, and the first one
    also logs, validates and takes the snapshots.
    """

    def __init__(
        self, config: TrainingConfig, run: RunFolder, train: FaceDatabase, test: FaceDatabase
    ) -> None:
        self.config = config
        self.run = run
        self.times = TrainingTimes()
        self.processes = all_processes()
        names = MODES[config.mode].solvers
        solvers = self.processes.first(lambda: [place_solver(config, run, name) for name in names])
        self.training = make_training(config, solvers, self.times)
        if config.sync_batchnorm:
            average = self.processes.average
            load_caffe().share_batches(self.processes.size, lambda sums: average([sums]))
        self.batches = FaceBatches(
            train,
            config.batch_size * self.training.batches_per_step,
            config.seed,
            mirror=config.mirror,
            vary_light=config.vary_light,
            old_photos=config.old_photos,
            again=shown_again(config, train),
            share=self.processes.share,
        )
        if self.processes.is_first:
            self.validation = Validation(test, min(config.validation_faces, len(test)))
        deploy = str(run.path / "generator_deploy.prototxt")
        generator = self.training.generator.net
        # G in the TEST phase, on the very weights that are trained.
        self.deployed = load_caffe().Net(deploy, load_caffe().TEST)
        self.deployed.share_with(generator)
        self.average = WeightAverage(generator, deploy, config.average) if config.average else None
        self.iteration = self._logged_iteration = 0
        self.best_psnr = -math.inf

    def begin(self) -> None:
        """Load the weights that G starts from, if any; UserError where they do not fit."""
        if self.config.init_weights:
            begin_with(self.training.generator.net, ROOT / self.config.init_weights)

    def resume(self) -> None:
        """Go on from the run's last snapshot, bit for bit as if it had never stopped.

        A net with Dropout is the exception: its random numbers start over.
        """
        snapshot = self.processes.first(self.run.last_snapshot)
        if snapshot is None:  # the run ended before its first one, so it starts over
            self.begin()
        else:
            for player in self.training.players:
                player.restore(snapshot.path)
            if self.average:
                self.average.restore(snapshot.path)
            self.iteration = self._logged_iteration = snapshot.state["iteration"]
            self.best_psnr = snapshot.state.get("best_psnr", -math.inf)
        self.processes.first(lambda: self.run.cut_log(self.iteration))

    def train(self) -> int:
        """Run the iterations that remain; 0, or 128 + the number of the signal that stopped it.

        UserError where a loss or a weight stops being finite, or the run folder cannot be written.
        """
        with self.times.run(), stop_requests() as stop, self._progress() as progress:
            try:
                ended_by = self._train(stop, progress)
            except OSError as error:
                raise UserError(
                    f"{self.run.path}: cannot be written ({error.strerror}); the last good "
                    f"snapshot is {self.run.last_snapshot_name()}; mend that and --resume"
                ) from None
        self.processes.first(self._draw_curves)
        return 128 + ended_by if ended_by else 0

    def _train(self, stop: StopRequest, progress: tqdm) -> int:
        """Run the iterations; returns the number of the signal that ended them, or 0."""
        first, end = self.iteration, self.config.iterations
        with closing(self.batches.prefetched(first, end)) as batches:
            for losses in self._steps(batches):
                signal = self.processes.largest(stop.signal)
                self.processes.first(partial(self._keep, losses, progress, is_last=signal != 0))
                if signal:
                    return signal
        return 0

    def _keep(self, losses: dict[str, float], progress: tqdm, is_last: bool) -> None:
        """After an iteration, log, validate and take a snapshot where they are due."""
        config = self.config
        if not all(map(math.isfinite, losses.values())):
            self._give_up(" ".join(f"{k}={v:g}" for k, v in losses.items()))
        done = self.iteration == config.iterations
        progress.update()
        if self.iteration % config.log_every == 0:
            self._log(losses, progress)
        improved = False
        if self.iteration % config.validate_every == 0 or done:
            improved = self._validate(progress)
        if self.iteration % config.snapshot_every == 0 or done or improved or is_last:
            self._take_snapshot(is_best=improved)

    def _draw_curves(self) -> None:
        if self.run.log_path.exists():  # a run may be stopped before its first record
            save_png(self.run.path / "curves.png", curves_figure(read_log(self.run.log_path)))

    def _steps(self, batches: Iterator[Batch]) -> Iterator[dict[str, float]]:
        """Run one iteration after the other and yield the losses of each."""
        while self.iteration < self.config.iterations:
            with self.times.phase("next batch"):
                batch = next(batches)
            measured = (self.iteration + 1) % self.config.log_every == 0
            losses = self.training.step(batch, measure=measured).of_all(self.processes)
            self.iteration += 1
            if self.average:
                self.average.follow(self.iteration)
            yield losses

    def _give_up(self, what: str) -> NoReturn:
        raise UserError(
            f"{self.run.path}: iteration {self.iteration} is not finite ({what}); the last good "
            f"snapshot is {self.run.last_snapshot_name()}; try a smaller base_lr or lambda"
        )

    def _progress(self) -> tqdm:
        """The progress bar; without a terminal, only the lines written through it are shown."""
        return tqdm(
            initial=self.iteration,
            total=self.config.iterations,
            desc=self.config.mode,
            unit="it",
            dynamic_ncols=True,
            disable=None if self.processes.is_first else True,
        )

    def _log(self, losses: dict[str, float], progress: tqdm) -> None:
        images = (self.iteration - self._logged_iteration) * self.config.batch_size
        rate = images / self.times.since_last_log()
        self._logged_iteration = self.iteration
        with self.times.phase("log"):
            record = {"iteration": self.iteration, **losses, "images_per_second": rate}
            self.run.log(record)
            shown = ("l2", "adversarial", "d_real", "d_fake")
            text = " ".join(f"{name}={record[name]:.3g}" for name in shown if name in record)
            progress.set_postfix_str(f"{text} {rate:.1f} images/s", refresh=False)

    def _validate(self, progress: tqdm) -> bool:
        """Log the validation values and draw the sample grid; returns whether G is at its best."""
        with self.times.phase("validation"):
            values, grid = self.validation.measure(self.deployed)
            psnr, colorfulness = values.values()
            if self.average:  # it is what the run will release, so it is what counts
                of_average, grid = self.validation.measure(self.average.net, "val_average")
                psnr, colorfulness = of_average.values()
                values |= of_average
            self.run.log({"iteration": self.iteration, **values})
            save_png(self.run.samples_path / f"iter_{self.iteration:08d}.png", grid)
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
            size, keep = self.snapshot_bytes(), self.config.keep
            self.run.save_snapshot(state, write, size=size, keep=keep, is_best=is_best)

    def snapshot_bytes(self) -> int:
        """The most that a snapshot's weights and moments take up."""
        average = self.training.generator.parameter_bytes() if self.average else 0
        return average + sum(player.snapshot_bytes() for player in self.training.players)


def shown_again(config: TrainingConfig, train: FaceDatabase) -> np.ndarray | None:
    """Indices of the faces that an epoch shows more than once, one entry for each extra time."""
    if config.dark_skin == 1:
        return None
    return np.repeat(with_darkest_skin(train), config.dark_skin - 1)


def make_training(config: TrainingConfig, solvers: list[Path], times: PhaseTimes) -> L2Training:
    """The training of the configuration's mode, with the nets that the solvers name."""
    mode = MODES[config.mode]
    own = {option: getattr(config, option) for option in mode.own_options}
    return mode.training(*solvers, times, **own)
