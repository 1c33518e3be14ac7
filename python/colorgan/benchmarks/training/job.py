"""What all sides run, as plain data, so that a process without Caffe can read it."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

SEED = 1
LOSSES = ("l2", "d_real", "d_fake", "adversarial")


@dataclass(frozen=True)
class Job:
    """What all sides run.

    Attributes:
        folder: holds NAME.prototxt and NAME_solver.prototxt of both nets, G's deploy.prototxt,
            weights.npz, whose arrays are called NET/LAYER/INDEX, and faces.npz: float32 `gray`
            (N, 1, s, s) and `color` (N, 3, s, s) in [0, 1], and uint8 `levels` (N, s, s), the gray
            faces.
        forward: whether to colour faces with G instead of training.
        shape: shape of the faces, (N, 3, s, s).
        layers, solvers: each net's layers and its solver, by the net's name, as in the prototxt.
        adversarial_weight: lambda of formulas (3) and (4).
        flop: floating-point operations per image and iteration, by the net's name.
        gpu: number of the GPU to compute on; None for the CPU.
        tf32: whether products on the GPU may round their factors to TF32.
    """

    folder: str
    forward: bool
    shape: tuple[int, int, int, int]
    layers: dict[str, list[dict[str, Any]]]
    solvers: dict[str, dict[str, Any]]
    adversarial_weight: float
    flop: dict[str, float]
    gpu: int | None = None
    tf32: bool = False

    def file(self, name: str) -> Path:
        """The path of a file in the folder."""
        return Path(self.folder, name)

    def write(self) -> Path:
        """Write this job to a file in its folder, for `read_job`."""
        path = self.file("job.json")
        path.write_text(json.dumps(asdict(self)))
        return path


def read_job(path: str) -> Job:
    """What `Job.write` wrote."""
    return Job(**json.loads(Path(path).read_text()))
