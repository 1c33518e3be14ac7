"""What the learned methods cost: processor time per face, in training and in colouring.

All methods are in one process and take turns, so that other load on the machine affects all of
them. A turn is one whole iteration, and then one batch to colour.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from colorgan.faces.batches import batch_of
from colorgan.faces.database import FaceDatabase
from colorgan.luminance import gray_from_bgr
from colorgan.measuring.markdown import markdown_table
from colorgan.measuring.trainings.experiments import TIMES, times_first
from colorgan.nets.deployed import generate, to_uint8
from colorgan.nets.runtime import load_caffe
from colorgan.phases import timed
from colorgan.places import ROOT
from colorgan.training.config import TrainingConfig, check_size
from colorgan.training.modes import MODES
from colorgan.training.run_nets import place_solver, write_prototxts
from colorgan.training.runfolder import RunFolder
from colorgan.training.times import TrainingTimes
from colorgan.training.trainer import make_training
from colorgan.training.validation import VALIDATION_BATCH


@dataclass(frozen=True)
class Turn:
    """Milliseconds of processor time per face, summed over all threads."""

    training: float
    coloring: float


class Method:
    """A method's nets and solvers, ready to train and to colour."""

    def __init__(self, config: TrainingConfig, folder: Path, faces: FaceDatabase) -> None:
        check_size(faces, ROOT / config.generator)
        run = RunFolder(folder)
        write_prototxts(config, run)
        solvers = [place_solver(config, run, name) for name in MODES[config.mode].solvers]
        self._training = make_training(config, solvers, TrainingTimes())
        self._batch_size = config.batch_size
        shown = self._batch_size * self._training.batches_per_step
        self._batch = batch_of(faces.faces([i % len(faces) for i in range(shown)]))
        self._gray = gray_from_bgr(faces.faces([i % len(faces) for i in range(VALIDATION_BATCH)]))
        caffe = load_caffe()
        self._deployed = caffe.Net(str(folder / "generator_deploy.prototxt"), caffe.TEST)
        self._deployed.share_with(self._training.generator.net)

    def turn(self) -> Turn:
        """One iteration, and a batch to colour."""
        _, training = timed(self._training.step, self._batch)
        _, coloring = timed(lambda: to_uint8(generate(self._deployed, self._gray)))
        return Turn(1000 * training / self._batch_size, 1000 * coloring / VALIDATION_BATCH)


def take_turns(methods: Mapping[str, Method], rounds: int) -> dict[str, list[Turn]]:
    """Each method's turns. One more comes first and does not count, as Caffe allocates memory."""
    for method in methods.values():
        method.turn()
    turns: dict[str, list[Turn]] = {name: [] for name in methods}
    for _ in range(rounds):
        for name, method in methods.items():
            turns[name].append(method.turn())
    return turns


def report(turns: Mapping[str, list[Turn]]) -> str:
    """A Markdown table of medians, and of how many times the first method's cost that is.

    Both methods' times in such a ratio are of the same round.
    """
    first = next(iter(turns))
    ratios = times_first({name: [asdict(turn) for turn in own] for name, own in turns.items()})
    times = f"times `{first}`"
    headings = ["", "training, ms a face", times, "colouring, ms a face", times]
    rows = []
    for name, own in turns.items():
        cells = [f"`{name}`"]
        for kind in TIMES:
            middle = median(getattr(turn, kind) for turn in own)
            cells += [f"{middle:.1f}", f"{ratios[name][kind]:.2f}"]
        rows.append(cells)
    return markdown_table(headings, rows)
