"""What the tests share: faces to train on, and programs run as a user runs them.

The faces are real ones of CelebA where CELEBA, or ../shared/celeba, has it; otherwise they are
drawn by `colorgan make-sample-faces`.
"""

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data

from browser import Chromium, running_chromium
from colorgan.errors import UserError
from colorgan.faces.celeba.downloads import PARTITION, find_lists
from colorgan.luminance import chroma_of, in_unit_range
from colorgan.nets.runtime import use_device
from colorgan.photos.coloring.colorizer import Colorizer
from programs import run_program

ROOT = Path(__file__).resolve().parents[1]
CELEBA = Path(os.environ.get("CELEBA") or ROOT.parent / "shared/celeba/img_align_celeba.zip")
TRAIN_FACES, TEST_FACES = 192, 48

Run = Callable[..., subprocess.CompletedProcess[str]]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the tests use a GPU: CUDA=1 bash tools/test.sh --gpu 0 tests/training."""
    told = "have Caffe compute on this GPU in the tests' own process, and compare it with the CPU"
    parser.addoption("--gpu", type=int, metavar="ID", help=told)


def pytest_configure(config: pytest.Config) -> None:
    """Choose the GPU, if one is named, before any net is made."""
    gpu = config.getoption("--gpu")
    if gpu is None:
        return
    os.environ["TESTED_GPU"] = str(gpu)
    try:
        use_device(gpu)
    except UserError as error:
        raise pytest.UsageError(str(error)) from None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first, so that the processes that run them side by side end together."""
    long = ("project", "photos", "engine", "commands")
    items.sort(key=lambda item: (*long, item.path.parent.name).index(item.path.parent.name))


def skip_in_image() -> None:
    """Skip a test of set-up: a container image has a finished one, and no tools to make another."""
    if (ROOT / ".venv/.image").exists():
        pytest.skip("an image has nothing to build with")


@pytest.fixture
def own_mounts() -> list[str]:
    """The beginning of a command that may mount things which nothing else sees."""
    command = ["unshare", "--mount", "--map-root-user"]
    if subprocess.run([*command, "true"], capture_output=True, check=False).returncode:
        pytest.skip("mount namespaces are not allowed here")
    return command


def chroma_in(bgr: np.ndarray) -> np.ndarray:
    """Cb and Cr of a picture, BGR `(h, w, 3)`: `(2, h, w)`."""
    return chroma_of(in_unit_range(bgr).transpose(2, 0, 1)[np.newaxis])[0]


def dense_laplacian(beside: np.ndarray, below: np.ndarray) -> np.ndarray:
    """The matrix that sums up how far each pixel is from its neighbours, weighted: `(n, n)`."""
    pixels = np.arange(beside.shape[0] * below.shape[1]).reshape(beside.shape[0], -1)
    matrix = np.zeros((pixels.size, pixels.size))
    for first, second, weights in (
        (pixels[:, :-1], pixels[:, 1:], beside),
        (pixels[:-1], pixels[1:], below),
    ):
        np.add.at(matrix, (first, first), weights)
        np.add.at(matrix, (second, second), weights)
        matrix[first, second] = matrix[second, first] = -weights
    return matrix


@pytest.fixture(scope="session")
def driver_of_a_gtx_1080(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a libcuda.so.1 that answers as CUDA 12.4's driver of one GTX 1080 would."""
    skip_in_image()
    folder = tmp_path_factory.mktemp("driver")
    code = """
        #include <string.h>
        int cuInit(unsigned flags) { return 0; }
        int cuDriverGetVersion(int *version) { *version = 12040; return 0; }
        int cuDeviceGetCount(int *count) { *count = 1; return 0; }
        int cuDeviceGet(int *device, int number) { *device = 40 + number; return 0; }
        int cuDeviceGetAttribute(int *value, int attribute, int device) {
          *value = attribute == 75 ? 6 : 1;
          return device == 40 && (attribute == 75 || attribute == 76) ? 0 : 1;
        }
        int cuDeviceGetName(char *name, int length, int device) {
          strncpy(name, "GTX 1080", length);
          return device == 40 ? 0 : 1;
        }
        static int context, current;
        int cuDevicePrimaryCtxRetain(void **made, int device) { *made = &context; return 0; }
        int cuCtxPushCurrent_v2(void *given) { current = given == &context; return 0; }
        int cuCtxPopCurrent_v2(void **given) { current = 0; return 0; }
        int cuMemGetInfo_v2(size_t *free, size_t *total) {
          *free = 5000, *total = 8000;
          return current ? 0 : 1;
        }"""
    command = ["gcc", "-shared", "-fPIC", "-x", "c", "-", "-o", folder / "libcuda.so.1"]
    subprocess.run(command, input=code, text=True, check=True)
    return folder


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    """One for all tests of a process: each has a page, and a context, of its own."""
    with running_chromium(tmp_path_factory.mktemp("chromium") / "profile") as running:
        yield running


def flock_replaced(folder: Path, code: str) -> dict[str, str]:
    """An environment in which programs call this flock, in C, in place of the system's."""
    if shutil.which("gcc") is None:
        pytest.skip("no C compiler here")
    library = folder / "flock.so"
    head = "#include <errno.h>\n#include <fcntl.h>\n#include <stdlib.h>\n#include <sys/file.h>\n"
    command = ["gcc", "-shared", "-fPIC", "-x", "c", "-", "-o", library]
    text = f"{head}int flock(int file, int operation) {{ {code} }}"
    subprocess.run(command, input=text, text=True, check=True)
    return os.environ | {"LD_PRELOAD": str(library)}


@pytest.fixture(scope="session")
def without_locks(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], dict[str, str]]:
    """An environment in which no file system knows flock, by the error number that it gives."""
    code = 'errno = atoi(getenv("FLOCK_ERROR")); return -1;'
    environment = flock_replaced(tmp_path_factory.mktemp("without_locks"), code)
    return lambda error: environment | {"FLOCK_ERROR": str(error)}


@pytest.fixture(scope="session")
def locks_of_nfs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment in which flock is what NFS makes of it, a lock on all of a file's bytes.

    The kernel gives such a lock to none but those who may write the file.
    """
    code = """
        struct flock all = {.l_type = operation & LOCK_UN ? F_UNLCK : F_WRLCK};
        return fcntl(file, operation & LOCK_NB ? F_SETLK : F_SETLKW, &all);"""
    return flock_replaced(tmp_path_factory.mktemp("nfs"), code)


@pytest.fixture(scope="session", autouse=True)
def signals_reach_programs() -> None:
    """Shells start background jobs with Ctrl-C ignored, and nohup ignores what a closed terminal
    sends; the programs under test would inherit that."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(scope="session")
def run() -> Run:
    """Run a command of the project: run("train", "--out", ...)."""
    return run_program


@pytest.fixture(scope="session")
def celeba() -> Path:
    """Real CelebA, images and partition list; tests that need it are skipped without it."""
    if not has_celeba():
        pytest.skip(f"no CelebA at {CELEBA}: set CELEBA to the folder with images and list")
    return CELEBA


def has_celeba() -> bool:
    """Whether CELEBA has both images and partition list."""
    try:
        return CELEBA.exists() and bool(find_lists(PARTITION, [CELEBA]))
    except UserError:
        return False


@pytest.fixture(scope="session")
def face_source(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, int]:
    """Images, where their partition list is, and the partition to test on: CelebA, or drawn."""
    if has_celeba():
        return CELEBA, CELEBA, 1
    out = tmp_path_factory.mktemp("drawn") / "sample"
    count = ("--count", TRAIN_FACES, "--test-count", TEST_FACES)
    drawn = run_program("make-sample-faces", "--out", out, *count)
    assert drawn.returncode == 0, drawn.stderr
    return out / "img_align_celeba", out / "list_eval_partition.txt", 2


@pytest.fixture(scope="session")
def faces(tmp_path_factory: pytest.TempPathFactory, face_source: tuple[Path, Path, int]) -> Path:
    """A folder with a small train_lmdb and test_lmdb, as `colorgan build-lmdb` makes it."""
    images, partition, test_partition = face_source
    out = tmp_path_factory.mktemp("faces") / "data"
    built = run_program(
        "build-lmdb", "--images", images, "--partition", partition, "--out", out,
        "--train-count", TRAIN_FACES, "--test-count", TEST_FACES,
        "--test-partition", test_partition,
    )  # fmt: skip
    assert built.returncode == 0, built.stderr
    return out


@pytest.fixture(scope="session")
def colorizer() -> Colorizer:
    """The best weights, run by Caffe."""
    return Colorizer()


@pytest.fixture(scope="session")
def truth() -> np.ndarray:
    """The astronaut Eileen Collins, her face in the upper middle: 256 x 256, BGR."""
    shape = (256, 256)  # half of what it comes in, so that less time goes into finding the face
    return cv2.resize(skimage.data.astronaut()[..., ::-1], shape, interpolation=cv2.INTER_AREA)


@pytest.fixture(scope="session")
def large_photo() -> np.ndarray:
    """The astronaut as she comes, 512 x 512, in gray: where pixels count."""
    return cv2.cvtColor(skimage.data.astronaut(), cv2.COLOR_RGB2GRAY)


@pytest.fixture(scope="session")
def faceless() -> np.ndarray:
    """A photograph without a face: a gray page of coins, 152 x 192."""
    return cv2.resize(skimage.data.coins(), (192, 152), interpolation=cv2.INTER_AREA)


@pytest.fixture(scope="session")
def photo(truth: np.ndarray) -> np.ndarray:
    """The astronaut in gray: 256 x 256."""
    return cv2.cvtColor(truth, cv2.COLOR_BGR2GRAY)
