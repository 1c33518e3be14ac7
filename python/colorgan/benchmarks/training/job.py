"""What all sides are to run, in plain data that a process without Caffe can take."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

SEED = 1
LOSSES = ("l2", "d_real", "d_fake", "adversarial")


@dataclass(frozen=True)
class Job:
    """What all sides are to run.

    Attributes:
        folder: with NAME.prototxt and NAME_solver.prototxt of both nets, G's deploy.prototxt,
            weights.npz, whose arrays are called NET/LAYER/INDEX, and faces.npz: float32 `gray`
            (N, 1, s, s) and `color` (N, 3, s, s) in [0, 1], and uint8 `levels` (N, s, s) of gray.
        forward: whether to colour faces, with G alone, and not to train.
        shape: of the faces, (N, 3, s, s).
        layers, solvers: of both nets.
        adversarial_weight: lambda of formulas (3) and (4).
        flop: floating-point operations an image and iteration, by net.
        gpu: to compute on; None for the CPU.
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
        """A file of the folder."""
        return Path(self.folder, name)

    def write(self) -> Path:
        """Write all of this to a file of the folder, which `read_job` reads."""
        path = self.file("job.json")
        path.write_text(json.dumps(asdict(self)))
        return path


def read_job(path: str) -> Job:
    """What `Job.write` wrote."""
    return Job(**json.loads(Path(path).read_text()))
