"""What a run is: its configuration, and the faces that belong to it."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_type_hints

from colorgan.errors import UserError
from colorgan.faces.database import FaceDatabase, open_splits
from colorgan.files import read_json
from colorgan.nets.prototxt import (
    BLOBS,
    GENERATOR_PROTOTXT,
    PAPERS_SOLVERS,
    adversarial_weight,
    batch_size_of,
    face_size_of,
    read_net,
    read_solver,
)
from colorgan.places import project_path
from colorgan.training.modes import MODES

ADVERSARIAL_OPTIONS = {
    "adversarial_weight": "--lambda",
    "discriminator": "--discriminator",
    "discriminator_solver": "--discriminator-solver",
}


FLOATS = (float, float | None)
FLOAT_RANGE = (1.2e-38, 3.4e38)  # of Caffe's numbers, normal and above 0
FROM_ZERO = ("seed", "least_colorfulness")


@dataclass(frozen=True)
class TrainingConfig:
    """What a run is, apart from its folder and device: on one device, it decides the weights.

    Attributes:
        data: folder with train_lmdb and test_lmdb.
        faces: checksum of what the manifest in `data` says of the faces, wherever that is moved.
        mode: "gan", formulas (3) and (4); "l2", the first term of (3) alone (Figure 4a), or
            whatever losses G's net has in its place; "wgan", a critic in place of D (the paper's
            future work).
        generator: G's prototxt file when the run began; the run keeps its own copy.
        generator_solver: likewise G's solver: the paper's Adam, or RMSProp in mode "wgan".
        discriminator, discriminator_solver: likewise those of D or the critic; None in mode "l2".
        init_weights: a .caffemodel from which G's layers start where it has a layer of their name;
            None to start from the prototxt's fillers, as in the paper.
        batch_size: faces an iteration; assumed 64, in the prototxt.
        iterations: updates of G (and of D); assumed 20,000, in the solver.
        adversarial_weight: lambda of (3) and (4); 100 in the paper and in the prototxt of its D;
            None in mode "l2".
        learning_rate: of both solvers; None for what their prototxt says, 1e-4 in the paper.
        seed: of the initial weights, the order of the faces and their mirroring.
        n_critic, weight_clip: updates of the critic for each one of G, and the bound on its
            weights; None except in mode "wgan".
        mirror: whether a random half of the faces is mirrored; the paper mentions none.
        vary_light: whether each face is shown in random contrast and brightness; likewise.
        old_photos: whether most faces are shown as old photos have them; likewise.
        dark_skin: how often an epoch shows each face of the fifth with the darkest skin; all others
            are shown once. 1 in the paper, which does not mention it.
        average: decay per iteration of a moving average of G's weights, which is validated and
            released in their place; None for no average, as in the paper.
        log_every, validate_every, snapshot_every: intervals in iterations.
        keep: how many of the last snapshots stay, besides the best.
        validation_faces: on how many faces of test_lmdb, the first ones, the best snapshot is
            chosen.
        least_colorfulness: share of the originals' colourfulness that the best snapshot must reach,
            because PSNR, which chooses it, rewards dull colours. 0 in the paper's runs.
        sync_batchnorm: where several processes share a batch, whether BatchNorm takes its
            statistics from the whole batch instead of from each process's share.
    """

    data: str
    faces: str
    generator: str
    batch_size: int
    iterations: int
    adversarial_weight: float | None
    mode: str = "gan"
    generator_solver: str = project_path(PAPERS_SOLVERS["generator"])
    discriminator: str | None = None
    discriminator_solver: str | None = None
    init_weights: str | None = None
    n_critic: int | None = None
    weight_clip: float | None = None
    learning_rate: float | None = None
    seed: int = 1
    mirror: bool = False
    vary_light: bool = False
    old_photos: bool = False
    dark_skin: int = 1
    average: float | None = None
    log_every: int = 10
    validate_every: int = 250
    snapshot_every: int = 500
    keep: int = 3
    validation_faces: int = 256
    least_colorfulness: float = 0.0
    sync_batchnorm: bool = False

    def __post_init__(self) -> None:
        """UserError where a value is of the wrong type, or out of its range."""
        for name, kind in get_type_hints(type(self)).items():
            value = getattr(self, name)
            fits = isinstance(value, kind) or (kind in FLOATS and type(value) is int)
            if fits and type(value) in (int, float):
                least, most = (1, 2**31 - 2) if kind is int else FLOAT_RANGE
                fits = (0 if name in FROM_ZERO else least) <= value <= most
            if not fits:
                raise UserError(f"{name} cannot be {value!r}")
        if self.mode not in MODES or (self.average or 0.5) >= 1:
            raise UserError(f"mode {self.mode!r} with average {self.average}: there is none such")
        mode = MODES[self.mode]
        for name in (*mode.own_options, *(["adversarial_weight"] if mode.discriminator else [])):
            if getattr(self, name) is None:
                raise UserError(f"mode {self.mode!r} needs {name}")


def configure(given: dict[str, Any]) -> TrainingConfig:
    """A new run's configuration: the given values, and the prototxt files' own for the rest."""
    name = given.get("mode", TrainingConfig.mode)
    mode = MODES[name]
    generator = Path(given.get("generator", GENERATOR_PROTOTXT))
    solver = Path(given.get("generator_solver", mode.solvers["generator"]))
    stated = {
        "batch_size": batch_size_of(read_net(generator, BLOBS["generator"])),
        "iterations": read_solver(solver).max_iter,
        "adversarial_weight": None,
        **mode.own_options,
    }
    files = {
        "data": str(given["data"]),
        "faces": checksum_of_faces(Path(given["data"])),
        "generator": project_path(generator),
        "generator_solver": project_path(solver),
    }
    if "init_weights" in given:
        files["init_weights"] = project_path(Path(given["init_weights"]))
    if mode.discriminator:
        discriminator = Path(given.get("discriminator", mode.discriminator))
        stated["adversarial_weight"] = adversarial_weight(
            read_net(discriminator, BLOBS["discriminator"])
        )
        its_solver = Path(given.get("discriminator_solver", mode.solvers["discriminator"]))
        files["discriminator"] = project_path(discriminator)
        files["discriminator_solver"] = project_path(its_solver)
    if stated["iterations"] < 1 and "iterations" not in given:
        raise UserError(f"{solver}: has no max_iter; give --iterations")
    for option, flag in ADVERSARIAL_OPTIONS.items():
        if option in given and not mode.discriminator:
            raise UserError(f"{flag}: is for training against D, but --mode {name} has no D")
    for other, its in MODES.items():
        for option in its.own_options.keys() & given.keys() - mode.own_options.keys():
            raise UserError(f"--{option.replace('_', '-')}: belongs to --mode {other} alone")
    return TrainingConfig(**{**stated, **given, **files})


def checksum_of_faces(data: Path) -> str:
    """A checksum that tells one set of faces from another: of the manifest, without its paths."""
    path, parts = data / "manifest.json", ("splits", "options", "crop", "resize", "source")
    if not path.exists():
        raise UserError(
            f"{data}: no packed faces (no manifest.json); colorgan build-lmdb packs them"
        )
    manifest = read_json(path, **dict.fromkeys(parts, object) | {"source": {}})
    *described, source = (manifest[part] for part in parts)
    described.append({k: v for k, v in source.items() if k != "images"})
    return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()


def open_faces(config: TrainingConfig, generator: Path) -> tuple[FaceDatabase, FaceDatabase]:
    """The training and the test faces; UserError where they are missing or not of G's size."""
    data = Path(config.data)
    if checksum_of_faces(data) != config.faces:
        raise UserError(f"{data}: not the faces that this run was begun with; choose another --out")
    train, test = open_splits(data)
    check_size(train, generator)
    return train, test


def check_size(database: FaceDatabase, generator: Path) -> None:
    """UserError unless the faces are of the size that a generator's prototxt takes."""
    side = face_size_of(read_net(generator, BLOBS["generator"]))
    if database.size != side:
        raise UserError(
            f"{database.path}: faces of {database.size} pixels, but {generator} takes "
            f"{side}; build the LMDB with --size {side}"
        )
