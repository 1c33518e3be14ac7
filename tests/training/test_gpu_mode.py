"""What a training on a GPU copies and takes, counted by tools/caffe/cuda_on_cpu.

Run by tools/check_gpu.sh; elsewhere there is nothing that counts.
"""

import ctypes
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from colorgan.faces.batches import batch_of
from colorgan.nets.deployed import generate
from colorgan.nets.prototxt import PAPERS_SOLVERS
from colorgan.nets.runtime import load_caffe
from colorgan.phases import PhaseTimes
from colorgan.training.steps import GanTraining
from colorgan.training.validation import VALIDATION_BATCH
from conftest import ROOT

BATCH = 64  # the paper's
MIB = 2**20


class Counts(ctypes.Structure):
    """CudaOnCpuCounts of cuda_on_cpu.cpp."""

    _fields_ = [
        ("bytes_to_gpu", ctypes.c_size_t),
        ("bytes_to_host", ctypes.c_size_t),
        ("copies_to_gpu", ctypes.c_size_t),
        ("copies_to_host", ctypes.c_size_t),
        ("peak_bytes", ctypes.c_size_t),
    ]


@pytest.fixture(scope="module")
def library() -> ctypes.CDLL:
    library = ctypes.CDLL(str(Path(load_caffe().__file__).parent / "libcaffe.so.1.0.0"))
    if not hasattr(library, "cuda_on_cpu_counts"):
        pytest.skip("this Caffe does not count: bash tools/check_gpu.sh")
    library.cuda_on_cpu_counts.restype = Counts
    return library


@pytest.fixture(scope="module")
def gan() -> Iterator[GanTraining]:
    """The paper's nets and solvers, as they stand."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)  # from where solvers name their nets
        yield GanTraining(*PAPERS_SOLVERS.values(), PhaseTimes())


@pytest.fixture(scope="module")
def counted(library: ctypes.CDLL, gan: GanTraining) -> Callable[..., Counts]:
    """Counts of one iteration, after one that has set all up."""
    faces = np.random.default_rng(0).integers(0, 256, (BATCH, 3, 64, 64), np.uint8)
    batch = batch_of(faces)
    gan.step(batch)

    def count(**options: bool) -> Counts:
        library.cuda_on_cpu_reset()
        gan.step(batch, **options)
        return library.cuda_on_cpu_counts()

    return count


def test_the_batch_goes_to_the_gpu_and_nothing_is_copied_back(
    counted: Callable[..., Counts],
) -> None:
    counts = counted()
    batch = 2 * BATCH * 3 * 64 * 64 * 4  # gray and colour, float32
    layers_own = 40_000  # ones that Caffe's convolutions, not cuDNN's, multiply biases with
    assert batch <= counts.bytes_to_gpu < batch + layers_own
    assert (counts.copies_to_host, counts.bytes_to_host) == (0, 0)  # losses are cuBLAS's results


def test_scores_and_gradients_come_to_the_host_where_they_are_asked_for(
    counted: Callable[..., Counts],
) -> None:
    counts = counted(measure=True)
    gradients, scores = 2 * BATCH * 3 * 64 * 64 * 4, 2 * BATCH * 4
    assert counts.bytes_to_host == gradients + scores


def test_the_papers_training_and_validation_leave_a_gb_of_4_to_cuda_and_cudnn(
    library: ctypes.CDLL, gan: GanTraining, counted: Callable[..., Counts]
) -> None:
    deploy = ROOT / "prototxt" / "generator_deploy.prototxt"
    deployed = load_caffe().Net(str(deploy), load_caffe().TEST)
    deployed.share_with(gan.generator.net)
    generate(deployed, np.zeros((VALIDATION_BATCH, 64, 64), np.uint8))
    assert counted().peak_bytes < 3000 * MIB
