"""The CPU engine's convolution and deconvolution against a float64 reference, of every kind.

As a program, `test_engine_convolution.py [small] OUT.npz`, it runs all cases, or the many small
ones, under the engine that CAFFE_CPU_ENGINE names and keeps what came out.
"""

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from engines import ENGINES, EVERYWHERE, Outcomes, make_net

# Of the largest value. Direct convolution in float32 has errors of about 5e-7, Winograd's of 1e-6.
TOLERANCE = 1e-5
GPU_TOLERANCE = 3e-5  # Fourier transforms of tiles, which cuDNN may choose: 1.1e-5 on an H100
PASSES = 2  # parameter diffs must add up over them


@dataclass(frozen=True)
class Case:
    """One convolution: N x C x H x W inputs, `outputs` maps.

    Transposed, it is the deconvolution that goes from such maps to such inputs.
    """

    num: int
    channels: int
    height: int
    width: int
    outputs: int
    kernel: tuple[int, int]
    pad: tuple[int, int] = (0, 0)
    stride: tuple[int, int] = (1, 1)
    dilation: int = 1
    group: int = 1
    bias: bool = True
    engine: str = "DEFAULT"
    transposed: bool = False

    def prototxt(self) -> str:
        (kh, kw), (ph, pw), (sh, sw) = self.kernel, self.pad, self.stride
        shape = " ".join(f"dim: {size}" for size in self.shapes()["x"])
        layer = "Deconvolution" if self.transposed else "Convolution"
        return f"""
            force_backward: true
            layer {{ name: "x" type: "Input" top: "x" input_param {{ shape {{ {shape} }} }} }}
            layer {{ name: "y" type: "{layer}" bottom: "x" top: "y" convolution_param {{
              num_output: {self.shapes()["b"][0]} kernel_h: {kh} kernel_w: {kw}
              pad_h: {ph} pad_w: {pw} stride_h: {sh} stride_w: {sw} dilation: {self.dilation}
              group: {self.group} bias_term: {str(self.bias).lower()} engine: {self.engine} }} }}"""

    def out_size(self) -> tuple[int, int]:
        def along(size: int, kernel: int, pad: int, stride: int) -> int:
            return (size + 2 * pad - self.dilation * (kernel - 1) - 1) // stride + 1

        return tuple(map(along, (self.height, self.width), self.kernel, self.pad, self.stride))

    def shapes(self) -> dict[str, tuple[int, ...]]:
        inputs = (self.num, self.channels, self.height, self.width)
        maps = (self.num, self.outputs, *self.out_size())
        x, y = (maps, inputs) if self.transposed else (inputs, maps)
        weights = (self.outputs, self.channels // self.group, *self.kernel)
        return {"x": x, "w": weights, "b": (y[1],), "dy": y}

    def values(self, seed: int) -> dict[str, np.ndarray]:
        """Inputs, weights, and the gradient at the output."""
        rng = np.random.default_rng(seed)
        shapes = self.shapes()
        values = {name: rng.standard_normal(shape, np.float32) for name, shape in shapes.items()}
        return values if self.bias else values | {"b": np.zeros(shapes["b"], np.float32)}


def random_cases(count: int, seed: int, maps: int, size: int) -> Iterator[Case]:
    """Cases with up to `maps` maps a group on either side, of inputs up to size x size."""
    rng = np.random.default_rng(seed)
    while count:
        kernel = tuple(map(int, rng.choice([1, 2, 3, 3, 3, 4, 5, 5, 7], 2)))
        if rng.random() < 0.8:
            kernel = (kernel[0], kernel[0])
        group = int(rng.choice([1, 1, 1, 2, 3]))
        case = Case(
            num=int(rng.integers(1, 4)),
            channels=group * int(rng.integers(1, maps + 1)),
            height=int(rng.integers(1, size + 1)),
            width=int(rng.integers(1, size + 1)),
            outputs=group * int(rng.integers(1, maps + 1)),
            kernel=kernel,
            pad=tuple(map(int, rng.integers(0, 4, 2))),
            stride=tuple(map(int, rng.choice([1, 1, 1, 2, 3], 2))),
            dilation=int(rng.choice([1, 1, 1, 2])),
            group=group,
            bias=bool(rng.random() < 0.5),
        )
        if min(case.out_size()) >= 1:
            count -= 1
            yield case


def transposed(cases: Iterable[Case]) -> Iterator[Case]:
    """The deconvolutions to those cases, their sizes less what no output sees."""
    for case in cases:

        def along(size: int, kernel: int, pad: int, stride: int, case: Case = case) -> int:
            return stride * (size - 1) + case.dilation * (kernel - 1) + 1 - 2 * pad

        height, width = map(along, case.out_size(), case.kernel, case.pad, case.stride)
        if min(height, width) >= 1:
            yield replace(case, height=height, width=width, transposed=True)


# The nets' own layers, at a small batch, then any.
CASES = [
    Case(2, 3, 64, 64, 32, (3, 3), (1, 1), bias=False),
    Case(2, 64, 64, 64, 128, (3, 3), (1, 1), bias=False),
    Case(1, 256, 64, 64, 3, (3, 3), (1, 1)),
    Case(2, 16, 64, 64, 32, (5, 5), (2, 2), bias=False),
    Case(3, 3, 64, 64, 32, (4, 4), (1, 1), (2, 2)),
    Case(3, 128, 8, 8, 256, (4, 4), (1, 1), (2, 2)),
    Case(2, 24, 1, 300, 24, (3, 3), (1, 1)),
    Case(1, 20, 9, 7, 20, (3, 3), (3, 4)),
    # Few maps on one side, on a GPU by code of their own.
    Case(2, 70, 17, 130, 2, (3, 3), (1, 1)),
    Case(3, 5, 9, 20, 4, (3, 3), (1, 1), bias=False),
    Case(2, 1, 21, 34, 70, (3, 3), (0, 0), (2, 2)),
    Case(2, 4, 15, 15, 9, (4, 4), (2, 2)),
    Case(2, 9, 7, 33, 1, (3, 3), (1, 1)),
    # Strides of 2, whose inputs are taken apart into even and odd rows and columns.
    Case(3, 32, 16, 16, 64, (4, 4), (1, 1), (2, 2)),
    Case(2, 16, 13, 22, 20, (4, 4), (0, 3), (2, 2)),
    Case(2, 48, 11, 9, 5, (4, 4), (2, 1), (2, 2), bias=False),
    Case(1, 32, 19, 17, 24, (6, 6), (3, 2), (2, 2)),
    Case(1, 16, 24, 21, 10, (10, 10), (3, 4), (2, 2)),
    *random_cases(60, seed=11, maps=39, size=33),
    # The autoencoder's, the U-Net's and the hypercolumns' deconvolutions, then any.
    Case(2, 32, 32, 32, 16, (4, 4), (1, 1), (2, 2), transposed=True),
    Case(3, 48, 16, 16, 96, (2, 2), (0, 0), (2, 2), transposed=True),
    Case(2, 20, 16, 16, 20, (8, 8), (2, 2), (4, 4), group=20, bias=False, transposed=True),
    *transposed(random_cases(20, seed=13, maps=39, size=20)),
]
# These are cut into pieces of every size: a thread's share may be one row, and less than a vector.
SMALL_CASES = list(random_cases(150, seed=12, maps=23, size=20))


def reference(case: Case, values: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Forward pass and gradients in float64, one tap of the kernel at a time."""
    if case.transposed:
        forward = replace(case, transposed=False, bias=False)
        back = reference(forward, values | {"x": values["dy"], "dy": values["x"], "b": np.zeros(1)})
        y = back["dx"] + values["b"][:, None, None]
        db = PASSES * values["dy"].sum((0, 2, 3), np.float64)
        return {"y": y, "dx": back["y"], "dw": back["dw"], "db": db}
    x, w, b, dy = (values[name].astype(np.float64) for name in ("x", "w", "b", "dy"))
    (ph, pw), (oh, ow), d, g = case.pad, case.out_size(), case.dilation, case.group
    padded = np.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw)))
    dpadded, dw = np.zeros_like(padded), np.zeros_like(w)
    y = np.zeros(dy.shape) + b[:, None, None]
    by_group = (case.num, g, -1, oh, ow)
    dy_g, y_g = dy.reshape(by_group), y.reshape(by_group)
    w_g, dw_g = (a.reshape(g, -1, case.channels // g, *case.kernel) for a in (w, dw))
    for i, j in np.ndindex(case.kernel):
        rows = slice(i * d, i * d + case.stride[0] * (oh - 1) + 1, case.stride[0])
        columns = slice(j * d, j * d + case.stride[1] * (ow - 1) + 1, case.stride[1])
        seen = padded[:, :, rows, columns].reshape(by_group)
        y_g += np.einsum("goc,ngchw->ngohw", w_g[..., i, j], seen, optimize=True)
        dw_g[..., i, j] = np.einsum("ngohw,ngchw->goc", dy_g, seen, optimize=True)
        back = np.einsum("goc,ngohw->ngchw", w_g[..., i, j], dy_g, optimize=True)
        dpadded[:, :, rows, columns] += back.reshape(case.num, -1, oh, ow)
    dx = dpadded[:, :, ph : ph + case.height, pw : pw + case.width]
    return {"y": y, "dx": dx, "dw": PASSES * dw, "db": PASSES * dy.sum((0, 2, 3))}


def run_case(case: Case, values: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The same by the Caffe of this process."""
    net = make_net(case.prototxt())
    weights = net.params["y"]
    weights[0].data[...] = values["w"]
    if case.bias:
        weights[1].data[...] = values["b"]
    net.blobs["x"].data[...] = values["x"]
    net.blobs["x"].diff[...] = 7  # overwritten, not added to
    for _ in range(PASSES):
        net.forward()
        net.blobs["y"].diff[...] = values["dy"]
        net.backward()
    got = {"y": net.blobs["y"].data, "dx": net.blobs["x"].diff, "dw": weights[0].diff}
    return got | ({"db": weights[1].diff} if case.bias else {})


@pytest.fixture(scope="module")
def run_cases(tmp_path_factory: pytest.TempPathFactory) -> Outcomes:
    """What cases give under an engine and a number of threads; "3/dw" is dw of case 3."""
    return Outcomes(__file__, tmp_path_factory.mktemp("convolutions"))


@pytest.mark.parametrize("engine", EVERYWHERE)
def test_convolution_equals_a_float64_reference(engine: str, run_cases: Outcomes) -> None:
    results = run_cases(engine)
    tolerance = GPU_TOLERANCE if engine == "gpu" else TOLERANCE
    for number, case in enumerate(CASES):
        expected = reference(case, case.values(number))
        for name, value in expected.items():
            if name == "db" and not case.bias:
                continue
            error = np.abs(results[f"{number}/{name}"] - value).max()
            assert error <= tolerance * max(np.abs(value).max(), 1e-3), (case, name)


def test_the_best_engine_of_the_machine_is_the_default(run_cases: Outcomes) -> None:
    default, best = run_cases(None), run_cases(ENGINES[-1])
    assert all(np.array_equal(default[name], best[name]) for name in best)


@pytest.mark.skipif(len(ENGINES) == 1, reason="this machine has neither AVX2 nor AVX-512")
def test_the_engine_is_not_the_stock_code(run_cases: Outcomes) -> None:
    stock, best = run_cases("stock"), run_cases(ENGINES[-1])
    assert any(not np.array_equal(stock[name], best[name]) for name in best)


@pytest.mark.parametrize("engine", EVERYWHERE[1:])
def test_results_are_the_same_bits_in_every_run(engine: str, run_cases: Outcomes) -> None:
    first, second = run_cases(engine, threads=3), run_cases(engine, threads=3, repeat=1)
    assert all(np.array_equal(first[name], second[name]) for name in first)


def by_blas(name: str, cases: list[Case]) -> bool:
    """Whether OpenBLAS computes a result, which promises the same bits to no number of threads."""
    if name.startswith("stock"):
        return True
    case = cases[int(name.split("/")[0])]
    return case.transposed and case.group > 1


def other_bits(
    cases: list[Case], one: dict[str, np.ndarray], other: dict[str, np.ndarray]
) -> list[tuple[Case, str]]:
    """Outputs and gradients of inputs and biases that two runs do not agree on to the bit."""
    return [
        (cases[int(name.split("/")[0])], name)
        for name in one
        if name.endswith(("/y", "/dx", "/db")) and not by_blas(name, cases)
        and not np.array_equal(one[name], other[name])
    ]  # fmt: skip


@pytest.mark.parametrize("engine", ENGINES[1:])
def test_outputs_and_input_gradients_do_not_depend_on_the_number_of_threads(
    engine: str, run_cases: Outcomes
) -> None:
    one = run_cases(engine, threads=1)
    assert other_bits(CASES, one, run_cases(engine, threads=3)) == []


@pytest.mark.parametrize("engine", ENGINES[1:])
@pytest.mark.parametrize("threads", [2, 3, 5])
def test_nor_do_they_in_any_of_many_small_shapes(
    threads: int, engine: str, run_cases: Outcomes
) -> None:
    one = run_cases(engine, "small", threads=1)
    assert other_bits(SMALL_CASES, one, run_cases(engine, "small", threads=threads)) == []


def test_a_layer_can_ask_for_the_stock_code(tmp_path: Path, run_cases: Outcomes) -> None:
    asked = run_cases(None)
    assert not np.array_equal(asked["1/y"], asked["stock/y"])
    assert np.array_equal(run_cases("stock")["1/y"], asked["stock/y"])


@pytest.mark.parametrize("kernel", [3, 5])
def test_filters_are_transformed_again_if_they_changed_between_passes(kernel: int) -> None:
    """In the TEST phase their points are kept; any program may write to them."""
    case = Case(2, 16, 12, 11, 20, (kernel, kernel), (1, 1))
    fresh, kept = make_net(case.prototxt()), make_net(case.prototxt(), "TEST")
    values = case.values(seed=1)
    last_one = values["w"].copy()
    last_one.flat[-1] += 1
    seen = []
    for weights in (values["w"], last_one, last_one, values["w"]):
        for net in (fresh, kept):
            net.blobs["x"].data[...] = values["x"]
            net.params["y"][0].data[...] = weights
            net.params["y"][1].data[...] = values["b"]
            net.forward()
        np.testing.assert_array_equal(kept.blobs["y"].data, fresh.blobs["y"].data)
        seen.append(kept.blobs["y"].data.copy())
    assert not np.array_equal(seen[0], seen[1]) and np.array_equal(seen[0], seen[3])


def main(cases: list[Case], out: str) -> None:
    """Run the cases, and the second once more with `engine: CAFFE`."""
    results = {}
    for number, case in enumerate(cases):
        for name, value in run_case(case, case.values(number)).items():
            results[f"{number}/{name}"] = value.copy()
    stock = Case(**vars(cases[1]) | {"engine": "CAFFE"})
    results["stock/y"] = run_case(stock, cases[1].values(1))["y"].copy()
    np.savez(out, **results)


if __name__ == "__main__":
    main(SMALL_CASES if sys.argv[1] == "small" else CASES, sys.argv[-1])
