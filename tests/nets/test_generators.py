"""Caffe and OpenCV run the same weights to the same colours; what does not fit is refused."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from colorgan.errors import UserError
from colorgan.faces.database import FaceDatabase
from colorgan.luminance import gray_from_bgr
from colorgan.nets.deployed import DeployedGenerator
from colorgan.nets.generators import BEST_WEIGHTS, OpenCVGenerator, open_generator
from colorgan.nets.released import released_weights
from conftest import ROOT


@pytest.fixture(scope="module")
def gray(faces: Path) -> np.ndarray:
    with FaceDatabase(faces / "test_lmdb") as test:
        return gray_from_bgr(test.faces(range(16)))


@pytest.mark.parametrize("name", ["paper", "l2", "best"])
def test_both_backends_give_the_same_colors(name: str, gray: np.ndarray) -> None:
    weights = released_weights()[name]
    by_caffe = open_generator(weights, "caffe").colorize(gray)
    by_opencv = open_generator(weights, "opencv").colorize(gray)
    assert by_caffe.shape == by_opencv.shape == (16, 3, 64, 64)
    assert by_caffe.dtype == by_opencv.dtype == np.float32
    assert np.ptp(by_caffe, axis=1).mean() > 0.03  # colours, not a gray that any two agree on
    assert np.abs(by_caffe - by_opencv).max() < 1e-4


def test_both_agree_whatever_sizes_came_before(gray: np.ndarray) -> None:
    caffe, opencv = (open_generator(BEST_WEIGHTS, device) for device in ("caffe", "opencv"))
    random = np.random.default_rng(1)
    for shape in ((1, 64, 64), (3, 64, 64), (1, 150, 91), (2, 37, 64), (1, 64, 64), (1, 1, 1)):
        photo = random.integers(0, 256, shape, np.uint8)
        assert np.abs(caffe.colorize(photo) - opencv.colorize(photo)).max() < 1e-4, shape
    assert np.abs(caffe.colorize(gray) - opencv.colorize(gray)).max() < 1e-4


def test_caffe_is_the_default_where_it_is_installed() -> None:
    assert isinstance(open_generator(BEST_WEIGHTS), DeployedGenerator)
    assert isinstance(open_generator(BEST_WEIGHTS, "opencv"), OpenCVGenerator)


def test_where_caffe_is_not_installed_opencv_is_the_default_and_caffe_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert isinstance(open_generator(BEST_WEIGHTS), OpenCVGenerator)
    for device in ("caffe", "gpu"):
        with pytest.raises(UserError, match=f"device {device}: needs Caffe"):
            open_generator(BEST_WEIGHTS, device)


def test_where_another_caffe_is_installed_opencv_is_the_default(tmp_path: Path) -> None:
    """As where PYTHONPATH still names the Caffe of another project, for another Python."""
    (tmp_path / "caffe").mkdir()
    (tmp_path / "caffe" / "__init__.py").write_text("print 'written for Python 2'\n")
    code = """
from colorgan.nets.generators import BEST_WEIGHTS, open_generator
print(type(open_generator(BEST_WEIGHTS)).__name__)
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "OpenCVGenerator\n"), done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"colorgan: caffe of {tmp_path}/caffe cannot be imported (")
    assert line.endswith(f"): take {tmp_path} out of PYTHONPATH; meanwhile, OpenCV colours")


@pytest.mark.parametrize("device", ["cuda", "GPU", "gpu:", "gpu:-1", "opencv ", "cpu"])
def test_an_unknown_device_is_refused_by_name(device: str) -> None:
    with pytest.raises(UserError, match="must be caffe, opencv, gpu"):
        open_generator(BEST_WEIGHTS, device)


@pytest.mark.parametrize("device", ["caffe", "opencv"])
def test_what_is_no_weights_is_refused(device: str, tmp_path: Path) -> None:
    good = BEST_WEIGHTS.read_bytes()
    contents = {
        "empty": b"",
        "text": b"these are no weights\n",
        "short": good[:1000],
        "cut": good[: len(good) // 2],
    }
    for name, content in contents.items():
        path = tmp_path / f"{name}.caffemodel"
        path.write_bytes(content)
        with pytest.raises(UserError, match=path.name) as raised:
            open_generator(path, device)
        assert "\n" not in str(raised.value)
    with pytest.raises(UserError, match="cannot be read"):
        open_generator(tmp_path / "none.caffemodel", device)


def test_changed_released_weights_are_refused_by_opencv_too(tmp_path: Path) -> None:
    for name in ("best.caffemodel", "SHA256SUMS"):
        (tmp_path / name).write_bytes((BEST_WEIGHTS.parent / name).read_bytes())
    with (tmp_path / "best.caffemodel").open("r+b") as file:
        file.seek(300_000)
        file.write(b"\0\0\0\0")
    with pytest.raises(UserError, match="checksum"):
        open_generator(tmp_path / "best.caffemodel", "opencv")


def test_opencv_refuses_weights_of_another_shape_under_the_same_name(tmp_path: Path) -> None:
    path = tmp_path / "wrong.caffemodel"
    paper = released_weights()["paper"].read_bytes()
    assert paper.startswith(b"\n\tGenerator")
    path.write_bytes(b"\n\x0fGeneratorChroma" + paper[11:])
    with pytest.raises(UserError, match="not weights of generator_chroma_deploy"):
        open_generator(path, "opencv")


def test_opencv_refuses_a_net_that_no_deploy_prototxt_describes(tmp_path: Path) -> None:
    path = tmp_path / "other.caffemodel"
    best = BEST_WEIGHTS.read_bytes()
    path.write_bytes(b"\n\rDiscriminator" + best[2 + best[1] :])  # in place of its own name
    with pytest.raises(UserError, match="others need Caffe"):
        open_generator(path, "opencv")


def test_opencv_colors_without_loading_caffe_protobuf_or_lmdb() -> None:
    code = (
        "import sys, numpy\n"
        "for name in ('caffe', 'google.protobuf', 'lmdb', 'matplotlib', 'skimage',\n"
        "             'scipy.sparse'):\n"
        "    sys.modules[name] = None  # an import of it fails\n"
        "from colorgan import Colorizer\n"
        "gray = numpy.arange(64 * 64, dtype=numpy.uint8).reshape(64, 64)\n"
        "print(Colorizer(device='opencv').colorize(gray).shape)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "(64, 64, 3)\n"
