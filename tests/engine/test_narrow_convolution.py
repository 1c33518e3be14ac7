"""The GPU engine's convolutions with few maps on one side, compiled for the CPU.

By tools/caffe/cuda_on_cpu, whose blocks have one thread. What several threads do to each other is
seen on a GPU: pytest --gpu 0 tests/engine/test_engine_convolution.py -k gpu.
"""

import ctypes
import importlib.util
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from test_engine_convolution import PASSES, TOLERANCE, Case, reference

from conftest import ROOT, skip_in_image

CAFFE = ROOT / "tools/caffe"
ENGINE = CAFFE / "engine"
# As much of caffe/common.hpp as the kernels include.
COMMON = """#include "cuda_on_cpu.hpp"
#include <iostream>
#define CUDA_KERNEL_LOOP(i, n) for (int i = 0; i < (n); ++i)
#define CUDA_POST_KERNEL_CHECK
#define LOG(level) std::cerr
"""
CASES = [
    *(Case(2, 5, 9, 20, outputs, (3, 3), (1, 1), bias=False) for outputs in (1, 2, 3, 4)),
    Case(1, 70, 64, 64, 3, (3, 3), (1, 1), bias=False),
    Case(2, 33, 7, 130, 1, (3, 3), (1, 1), bias=False),
    Case(2, 65, 16, 32, 2, (3, 3), (1, 1), bias=False),
    Case(2, 3, 64, 64, 32, (3, 3), (1, 1), bias=False),
    Case(3, 3, 64, 64, 32, (4, 4), (1, 1), (2, 2), bias=False),
    Case(2, 1, 21, 34, 70, (3, 3), (0, 0), (2, 2), bias=False),
    Case(1, 2, 15, 15, 9, (4, 4), (2, 2), bias=False),
    Case(2, 4, 12, 12, 5, (3, 3), (1, 1), bias=False),
]
OTHERS = [
    Case(2, 5, 9, 20, 5, (3, 3), (1, 1)),
    Case(2, 5, 9, 20, 3, (3, 3), (0, 0)),
    Case(2, 5, 9, 20, 3, (3, 3), (1, 1), (2, 2)),
    Case(2, 6, 9, 20, 2, (3, 3), (1, 1), group=2),
    Case(2, 2, 9, 20, 6, (3, 3), (1, 1), group=2),
    Case(2, 3, 9, 20, 8, (5, 5), (2, 2)),
    Case(2, 3, 9, 20, 8, (3, 4), (1, 1)),
]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    skip_in_image()
    folder = tmp_path_factory.mktemp("narrow_convolution")
    spec = importlib.util.spec_from_file_location("translate", CAFFE / "cuda_on_cpu/translate.py")
    translate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(translate)
    headers = folder / "caffe/gpu_engine"
    headers.mkdir(parents=True)
    for header in (ENGINE / "include/caffe/gpu_engine").glob("*.hpp"):
        (headers / header.name).write_text(header.read_text())
    (headers / "block.cuh").write_text(translate.ONE_THREAD)
    (folder / "caffe/common.hpp").write_text(COMMON)
    source = ENGINE / "src/caffe/gpu_engine/narrow_convolution.cu"
    (folder / "kernels.cpp").write_text(translate.LAUNCH.sub("", source.read_text()))
    subprocess.run(
        ["g++", "-std=c++17", "-O1", "-w", "-shared", "-fPIC", f"-I{folder}",
         f"-I{CAFFE / 'cuda_on_cpu'}", "-o", folder / "library.so", folder / "kernels.cpp",
         Path(__file__).with_name("narrow_convolution.cpp")],
        check=True,
    )  # fmt: skip
    return ctypes.CDLL(str(folder / "library.so"))


def shape_of(case: Case) -> ctypes.Array:
    """Its ConvolutionShape."""
    numbers = (
        case.num, case.channels, case.height, case.width, case.outputs, *case.out_size(),
        *case.kernel, *case.pad, *case.stride, case.group,
    )  # fmt: skip
    return (ctypes.c_int * len(numbers))(*numbers)


def call(function: Callable, case: Case, *arrays: np.ndarray) -> None:
    function(shape_of(case), *(a.ctypes.data_as(ctypes.c_void_p) for a in arrays))


def assert_close(got: np.ndarray, expected: np.ndarray) -> None:
    assert np.abs(got - expected).max() <= TOLERANCE * np.abs(expected).max()


@pytest.mark.parametrize("case", CASES, ids=str)
def test_narrow_convolution_equals_a_float64_reference(case: Case, library: ctypes.CDLL) -> None:
    values = case.values(1)
    x, w, dy = (np.ascontiguousarray(values[name]) for name in ("x", "w", "dy"))
    expected = reference(case, values)
    if library.has_forward(shape_of(case)):
        y, dx = np.full_like(dy, np.nan), np.full_like(x, np.nan)
        call(library.forward, case, x, w, y)
        call(library.data_gradient, case, w, dy, dx)
        assert_close(y, expected["y"])
        assert_close(dx, expected["dx"])
    assert library.has_filter_gradient(shape_of(case))
    dw = np.zeros_like(w)
    for _ in range(PASSES):
        call(library.filter_gradient, case, x, dy, dw)
    assert_close(dw, expected["dw"])


@pytest.mark.parametrize("case", OTHERS, ids=str)
def test_other_convolutions_are_left_to_cudnn(case: Case, library: ctypes.CDLL) -> None:
    assert not library.has_forward(shape_of(case))
    assert not library.has_filter_gradient(shape_of(case))
