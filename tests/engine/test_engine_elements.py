"""The engines' layers but convolution, their runs, and their Adam, against float64.

As a program, `test_engine_elements.py NAME OUT.npz`, it does one of PROGRAMS under the engine that
the environment names and keeps what came out.
"""

import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from engines import ENGINES, EVERYWHERE, Outcomes, caffe_of_this_process, make_net

# Of the largest value. The engine's statistics are as good as single precision allows; where the
# mean is `offset` deviations, stock Caffe loses about log10(offset) digits.
TOLERANCE = 3e-6
STOCK_TOLERANCE = 1e-5
PASSES = 2  # parameter diffs must add up over them, and moving averages move on
EPS, FRACTION = 1e-5, 0.9
NORMALIZATION = ("BatchNorm", "Scale", "ReLU")

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Case:
    """Layers on a blob of a shape.

    placement: "separate", each layer has a top of its own; "in place"; or "tail in place", all
    but the first, which reads the input.
    passes: how the second pass is run, "whole" or cut before the layers named: forward cuts,
    then backward cuts.
    """

    shape: tuple[int, ...]
    layers: tuple[str, ...]
    placement: str = "in place"
    phase: str = "TRAIN"
    use_global_stats: bool | None = None
    slope: float = 0.0
    bias: bool = True
    offset: float = 0.0
    cuts: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())

    @property
    def of_batch(self) -> bool:
        stored = self.phase == "TEST" if self.use_global_stats is None else self.use_global_stats
        return not stored

    @property
    def top(self) -> str:
        return self.layers[-1] + "_top" if self.placement == "separate" else "y"

    def prototxt(self) -> str:
        statistics = "" if self.use_global_stats is None else (
            f"use_global_stats: {str(self.use_global_stats).lower()}")  # fmt: skip
        parameters = {
            "BatchNorm": f"""batch_norm_param {{ {statistics} eps: {EPS}
                             moving_average_fraction: {FRACTION} }}""",
            "Scale": f"scale_param {{ bias_term: {str(self.bias).lower()} }}",
            "ReLU": f"relu_param {{ negative_slope: {self.slope} }}",
        }
        dims = " ".join(f"dim: {size}" for size in self.shape)
        text = f"""force_backward: true
            layer {{ name: "x" type: "Input" top: "x" input_param {{ shape {{ {dims} }} }} }}"""
        bottom = "x"
        if self.placement == "in place":
            text += ' layer { name: "copy" type: "Power" bottom: "x" top: "y" }'
            bottom = "y"
        for name in self.layers:
            top = name + "_top" if self.placement == "separate" else "y"
            text += f""" layer {{ name: "{name}" type: "{name}" bottom: "{bottom}" top: "{top}"
                                  {parameters[name]} }}"""
            bottom = top
        return text

    def values(self, seed: int) -> Arrays:
        """Inputs and gradients of each pass, parameters and stored statistics."""
        rng = np.random.default_rng(seed)
        channels = self.shape[1]
        return {
            "x": self.offset + rng.standard_normal((PASSES, *self.shape)),
            "dy": rng.standard_normal((PASSES, *self.shape)),
            "gamma": rng.standard_normal(channels),
            "beta": rng.standard_normal(channels) if self.bias else np.zeros(channels),
            "mean": 2.5 * (self.offset + 0.3 * rng.standard_normal(channels)),
            "variance": 2.5 * rng.uniform(0.5, 2, channels),
            "factor": np.array([2.5]),
        }


def shapes() -> Iterator[tuple[int, ...]]:
    yield from [(2, 5, 64, 64), (3, 7, 9, 5), (1, 1, 33, 31), (4, 3, 1, 1), (7, 11), (1, 6, 71)]
    rng = np.random.default_rng(5)
    for _ in range(6):
        sizes = rng.integers(1, [6, 12, 70, 70])
        yield tuple(map(int, sizes))
    yield (2, 3, 97, 103)  # more than one block of sums


def cases() -> Iterator[Case]:
    for shape in shapes():
        for placement in ("separate", "in place", "tail in place"):
            yield Case(shape, NORMALIZATION, placement)
        yield Case(shape, ("BatchNorm",))
        yield Case(shape, ("Scale",))
        yield Case(shape, ("ReLU",), slope=0.2)
    shape = (3, 5, 17, 13)
    for layers in (NORMALIZATION, NORMALIZATION[:2], NORMALIZATION[:1]):
        for placement in ("separate", "in place", "tail in place"):
            for phase in ("TRAIN", "TEST"):
                for use_global_stats in (None, True, False):
                    yield Case(shape, layers, placement, phase, use_global_stats)
    for placement in ("separate", "in place"):
        yield Case(shape, NORMALIZATION, placement, slope=0.2)
        yield Case(shape, NORMALIZATION, placement, bias=False)
        yield Case(shape, ("Scale",), placement, bias=False)
        yield Case(shape, ("ReLU",), placement)
        yield Case(shape, NORMALIZATION, placement, offset=1000)
        yield Case((4, 3, 64, 64), NORMALIZATION, placement, offset=-3000)
        yield Case((4, 3, 64, 64), NORMALIZATION, placement, offset=1e6)
    yield Case((2, 5, 331, 331), NORMALIZATION)  # larger than what is kept in the caches
    # In parts, the layers do what they do when run together.
    parts = [(), ("Scale",), ("ReLU",), ("Scale", "ReLU")]
    for forward in parts:
        for backward in parts:
            for use_global_stats in (False, True):
                yield Case(shape, NORMALIZATION, use_global_stats=use_global_stats, slope=0.2,
                           cuts=(forward, backward))  # fmt: skip


CASES = list(cases())


def reference(case: Case, values: Arrays) -> Arrays:
    """Outputs of the last pass and what all passes leave behind, in float64."""
    values = {name: value.astype(np.float32).astype(np.float64) for name, value in values.items()}
    axes = tuple(axis for axis in range(len(case.shape)) if axis != 1)
    across = (-1, *[1] * (len(case.shape) - 2))  # a value for each channel, against the maps
    count = np.prod(case.shape) // case.shape[1]
    left = {name: values[name].copy() for name in ("mean", "variance", "factor")}
    left |= {name: np.zeros(case.shape[1]) for name in ("dgamma", "dbeta")}
    gamma, beta = (values[name].reshape(across) for name in ("gamma", "beta"))
    for x, dy in zip(values["x"], away_from_zero(case, values), strict=True):
        y, deviation = x, None
        if "BatchNorm" in case.layers:
            if case.of_batch:
                mean, variance = x.mean(axes), x.var(axes)
                unbiased = variance * (count / (count - 1) if count > 1 else 1)
                left["factor"] = left["factor"] * FRACTION + 1
                left["mean"] = left["mean"] * FRACTION + mean
                left["variance"] = left["variance"] * FRACTION + unbiased
            else:
                mean, variance = left["mean"] / left["factor"], left["variance"] / left["factor"]
            deviation = np.sqrt(variance + EPS).reshape(across)
            y = (x - mean.reshape(across)) / deviation
        z = y
        if "Scale" in case.layers:
            y = gamma * z + beta
        if "ReLU" in case.layers:
            dy = np.where(y > 0, dy, case.slope * dy)
            y = np.where(y > 0, y, case.slope * y)
        if "Scale" in case.layers:
            left["dgamma"] += (dy * z).sum(axes)
            left["dbeta"] += dy.sum(axes)
            dy = gamma * dy
        if "BatchNorm" in case.layers:
            if case.of_batch:
                dy = dy - dy.mean(axes, keepdims=True) - z * (dy * z).mean(axes, keepdims=True)
            dy = dy / deviation
    left |= {"y": y, "dx": dy}
    if "BatchNorm" not in case.layers:
        del left["mean"], left["variance"], left["factor"]
    if "Scale" not in case.layers:
        del left["dgamma"], left["dbeta"]
    elif not case.bias:
        del left["dbeta"]
    return left


def away_from_zero(case: Case, values: Arrays) -> np.ndarray:
    """The gradients dy, 0 where rounding may decide on which side of 0 ReLU's input lies."""
    if "ReLU" not in case.layers:
        return values["dy"]
    untouched = replace(case, layers=case.layers[:-1], cuts=((), ()))
    before = values["x"]
    if untouched.layers:
        before = np.stack([
            reference(untouched, values | {"x": x[None], "dy": x[None]})["y"] for x in before
        ])  # fmt: skip
    return np.where(np.abs(before) < 1e-3, 0, values["dy"])


def run_case(case: Case, values: Arrays) -> Arrays:
    """The same by the Caffe of this process."""
    net = make_net(case.prototxt(), case.phase)
    for layer, names in [
        ("BatchNorm", ["mean", "variance", "factor"]),
        ("Scale", ["gamma", "beta"]),
    ]:
        if layer in case.layers:
            for blob, name in zip(net.params[layer], names, strict=layer != "Scale"):
                blob.data[...] = values[name]
    net.blobs["x"].diff[...] = 7  # overwritten, not added to
    for number, dy in enumerate(away_from_zero(case, values)):
        forward, backward = case.cuts if number == PASSES - 1 else ((), ())
        net.blobs["x"].data[...] = values["x"][number]
        run_forward(net, forward)
        y = net.blobs[case.top].data.copy()
        net.blobs[case.top].diff[...] = dy
        run_backward(net, backward)
    left = {"y": y, "dx": net.blobs["x"].diff}
    if "BatchNorm" in case.layers:
        statistics = (blob.data for blob in net.params["BatchNorm"])
        left |= dict(zip(["mean", "variance", "factor"], statistics, strict=True))
    if "Scale" in case.layers:
        left |= {"d" + name: blob.diff for name, blob in
                 zip(["gamma", "beta"], net.params["Scale"], strict=False)}  # fmt: skip
    return left


def run_forward(net, cuts: tuple[str, ...]) -> None:
    names = list(net._layer_names)
    starts = [names[0], *cuts]
    for start, following in zip(starts, [*cuts, None], strict=True):
        net.forward(start=start, end=following and names[names.index(following) - 1])


def run_backward(net, cuts: tuple[str, ...]) -> None:
    """Backward from the last layer, in parts that begin below each of `cuts`."""
    names = list(net._layer_names)
    start = names[-1]
    for cut in reversed(cuts):
        net.backward(start=start, end=cut)
        start = names[names.index(cut) - 1]
    net.backward(start=start)


def all_cases() -> Arrays:
    results = {}
    for number, case in enumerate(CASES):
        for name, value in run_case(case, case.values(number)).items():
            results[f"{number}/{name}"] = value.copy()
    return results


# ---- Nets beyond a single chain: what needs no gradient, shared parameters, nothing to learn ----

FROZEN, LEARNED = "param { lr_mult: 0 }", "param { lr_mult: 1 }"
NETS = {
    "scale frozen": ("", f"{FROZEN} {LEARNED}", ""),
    "bias frozen": ("", f"{LEARNED} {FROZEN}", ""),
    "both frozen": ("", f"{FROZEN} {FROZEN}", ""),
    "nothing before it learns": (FROZEN, f"{LEARNED} {LEARNED}", ""),
    "nothing learns": (FROZEN, f"{FROZEN} {FROZEN}", ""),
    "shared with another layer": ("", 'param { name: "a" } param { name: "b" }',
                                  'param { name: "a" } param { name: "b" }'),
    "caffe's own relu": ("", "", "", "engine: CAFFE"),
    "negative slope": ("", "", "", "negative_slope: -0.5"),
}  # fmt: skip


def small_net(first: str, scale: str, second_scale: str, relu: str = "") -> str:
    def normalization(blob: str, number: int, scale: str) -> str:
        return f"""
            layer {{ name: "bn{number}" type: "BatchNorm" bottom: "{blob}" top: "{blob}" }}
            layer {{ name: "scale{number}" type: "Scale" bottom: "{blob}" top: "{blob}" {scale}
                     scale_param {{ bias_term: true filler {{ type: "uniform" min: 0.5 max: 2 }}
                                    bias_filler {{ type: "uniform" min: -1 max: 1 }} }} }}
            layer {{ name: "relu{number}" type: "ReLU" bottom: "{blob}" top: "{blob}"
                     relu_param {{ {relu} }} }}"""

    def convolution(bottom: str, top: str, number: int, param: str) -> str:
        return f"""
            layer {{ name: "conv{number}" type: "Convolution" bottom: "{bottom}" top: "{top}"
                     {param} convolution_param {{ num_output: 4 kernel_size: 1 bias_term: false
                                          weight_filler {{ type: "xavier" }} engine: CAFFE }} }}"""

    return f"""
        layer {{ name: "x" type: "Input" top: "x" input_param {{ shape {{
          dim: 3 dim: 4 dim: 6 dim: 5 }} }} }}
        layer {{ name: "t" type: "Input" top: "t" input_param {{ shape {{
          dim: 3 dim: 4 dim: 6 dim: 5 }} }} }}
        {convolution("x", "y", 1, first)} {normalization("y", 1, scale)}
        {convolution("y", "z", 2, first)} {normalization("z", 2, second_scale or scale)}
        layer {{ name: "loss" type: "EuclideanLoss" bottom: "z" bottom: "t" top: "loss" }}"""


def small_nets() -> Arrays:
    caffe = caffe_of_this_process()
    results = {}
    for name, parts in NETS.items():
        caffe.set_random_seed(3)
        net = make_net(small_net(*parts))
        rng = np.random.default_rng(4)
        for _ in range(PASSES):
            for blob in ("x", "t"):
                net.blobs[blob].data[...] = rng.standard_normal(net.blobs[blob].shape)
            net.forward()
            net.backward()
        for blob, content in net.blobs.items():
            results[f"{name}/{blob}"] = content.data.copy()
            results[f"{name}/d{blob}"] = content.diff.copy()
        for layer, blobs in net.params.items():
            for number, blob in enumerate(blobs):
                results[f"{name}/{layer}.{number}"] = blob.data.copy()
                results[f"{name}/d{layer}.{number}"] = blob.diff.copy()
    return results


# ---- Callbacks, parameters changed between the passes, memory -----------------------------------

CHAIN = Case((3, 5, 17, 13), NORMALIZATION)


def watched() -> Arrays:
    """What callbacks see, layer by layer, forward and backward."""
    net = make_net(CHAIN.prototxt())
    seen = {"after": [], "before": []}
    net.blobs["x"].data[...] = CHAIN.values(0)["x"][0]
    net.after_forward(lambda layer: seen["after"].append(net.blobs["y"].data.copy()))
    net.before_backward(lambda layer: seen["before"].append(net.blobs["y"].diff.copy()))
    net.forward()
    net.blobs["y"].diff[...] = CHAIN.values(0)["dy"][0]
    net.backward()
    return {name: np.stack(arrays) for name, arrays in seen.items()}


def changed_between() -> Arrays:
    """The gradient at x where scale and bias are overwritten between forward and backward."""
    values = CHAIN.values(0)
    net = make_net(CHAIN.prototxt())
    net.blobs["x"].data[...] = values["x"][0]
    gamma, beta = net.params["Scale"]
    gamma.data[...], beta.data[...] = values["gamma"], values["beta"]
    net.forward()
    before = [blob.copy() for blob in (gamma.data, beta.data)]
    gamma.data[...], beta.data[...] = -values["gamma"], 5
    net.blobs["y"].diff[...] = values["dy"][0]
    net.backward()
    return {"dgamma": gamma.diff, "dbeta": beta.diff, "y": net.blobs["y"].data, "gamma": before[0]}


def not_a_number() -> Arrays:
    net = make_net(CHAIN.prototxt())
    net.blobs["x"].data[...] = CHAIN.values(0)["x"][0]
    net.blobs["x"].data[0, 1, 2, 3] = np.nan
    net.forward()
    return {"y": net.blobs["y"].data}


MEMORY_SHAPE = (8, 32, 64, 64)


def memory() -> Arrays:
    """Bytes that a training pass of one run of layers takes, in maps of its shape."""
    net = make_net(replace(CHAIN, shape=MEMORY_SHAPE, placement="tail in place").prototxt())
    before = resident()
    net.blobs["x"].data[...] = 1
    net.forward()
    net.backward()
    return {"maps": np.array((resident() - before) / (4 * np.prod(MEMORY_SHAPE)))}


def resident() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line for line in lines if line.startswith("VmRSS")).split()[1])


def sigmoid() -> Arrays:
    x = SIGMOID_INPUTS
    net = make_net(f"""
        layer {{ name: "x" type: "Input" top: "x" input_param {{ shape {{ dim: {x.size} }} }} }}
        layer {{ name: "y" type: "Sigmoid" bottom: "x" top: "y" }}""")
    net.blobs["x"].data[...] = x
    net.forward()
    return {"y": net.blobs["y"].data}


SIGMOID_INPUTS = np.concatenate(
    [np.linspace(-20, 20, 70001), [0, -0.0, 60, -60, 100, -100, 1e30, -1e30, np.inf, -np.inf]]
).astype(np.float32)

# ---- Adam ---------------------------------------------------------------------------------------

STEPS, RATE, BETA1, BETA2, DELTA = 5, 0.01, 0.5, 0.999, 1e-8
RATE_MULTIPLIERS = (1, 2)


def gradients() -> dict[str, list[np.ndarray]]:
    """Gradients of a weight large enough for threads, and of an odd-sized bias, at each step."""
    rng = np.random.default_rng(8)
    scales = 10.0 ** rng.uniform(-6, 1, STEPS)
    return {"0": [rng.standard_normal((333, 211)) * scale for scale in scales],
            "1": [rng.standard_normal(333) * scale for scale in scales]}  # fmt: skip


def adam() -> Arrays:
    with tempfile.TemporaryDirectory() as folder:
        net, solver = Path(folder) / "net.prototxt", Path(folder) / "solver.prototxt"
        multipliers = " ".join(f"param {{ lr_mult: {m} }}" for m in RATE_MULTIPLIERS)
        net.write_text(f"""
            layer {{ name: "x" type: "Input" top: "x"
                     input_param {{ shape {{ dim: 1 dim: 211 }} }} }}
            layer {{ name: "y" type: "InnerProduct" bottom: "x" top: "y" {multipliers}
                     inner_product_param {{ num_output: 333 }} }}""")
        solver.write_text(f"""net: "{net}" type: "Adam" base_lr: {RATE} lr_policy: "fixed"
            momentum: {BETA1} momentum2: {BETA2} delta: {DELTA} snapshot_prefix: "{folder}/s" """)
        made = caffe_of_this_process().get_solver(str(solver))
    blobs = made.net.params["y"]
    results = {}
    for step in range(STEPS):
        for number, blob in enumerate(blobs):
            blob.diff[...] = gradients()[str(number)][step]
        made.apply_update()
        for number, blob in enumerate(blobs):
            results[f"{step}/{number}/update"] = blob.diff.copy()
            results[f"{step}/{number}/value"] = blob.data.copy()
    return results


# ---- The tests ----------------------------------------------------------------------------------

PROGRAMS: dict[str, Callable[[], Arrays]] = {
    program.__name__: program
    for program in (
        all_cases,
        small_nets,
        watched,
        changed_between,
        not_a_number,
        memory,
        sigmoid,
        adam,
    )
}


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Outcomes:
    """What a program gives under an engine and a number of threads."""
    return Outcomes(__file__, tmp_path_factory.mktemp("elements"))


def assert_close(
    got: np.ndarray, expected: np.ndarray, tolerance: float, what: object, least: float = 1e-3
) -> None:
    """Errors are measured against the largest value, or `least` where all happen to be small."""
    error = np.abs(got - expected).max() / max(np.abs(expected).max(), least)
    assert error <= tolerance, (what, error)


each_engine = pytest.mark.parametrize("engine", ENGINES)
everywhere = pytest.mark.parametrize("engine", EVERYWHERE)
each_accelerated = pytest.mark.parametrize("engine", EVERYWHERE[1:])


@everywhere
def test_layers_equal_a_float64_reference_alone_and_in_runs(engine: str, outcome: Outcomes) -> None:
    results = outcome(engine, "all_cases")
    for number, case in enumerate(CASES):
        tolerance = TOLERANCE
        expected = reference(case, case.values(number))
        if engine == "stock":
            tolerance = STOCK_TOLERANCE * max(1, abs(case.offset))
            if case.shape[0] == 1:
                expected.pop("dgamma", None)  # Caffe's own Scale overwrites it at batch size 1
        summed = np.sqrt(np.prod(case.shape) / case.shape[1])  # what random sums come to
        for name, value in expected.items():
            least = summed if name in ("dgamma", "dbeta") else 1e-3
            assert_close(results[f"{number}/{name}"], value, tolerance, (case, name), least)


@each_accelerated
@pytest.mark.parametrize("name", NETS)
def test_nets_that_learn_in_part_do_as_stock_caffe(
    name: str, engine: str, outcome: Outcomes
) -> None:
    stock, results = outcome("stock", "small_nets"), outcome(engine, "small_nets")
    gradients_are_of = 10  # where they do not cancel out
    for key, expected in stock.items():
        if key.startswith(name + "/"):
            assert_close(results[key], expected, STOCK_TOLERANCE, key, gradients_are_of)


@each_accelerated
def test_callbacks_see_what_each_layer_leaves(engine: str, outcome: Outcomes) -> None:
    stock, results = outcome("stock", "watched"), outcome(engine, "watched")
    for name in ("after", "before"):
        assert results[name].shape == stock[name].shape
        assert_close(results[name], stock[name], STOCK_TOLERANCE, name)


@each_accelerated
def test_signs_are_those_of_the_forward_pass_whatever_the_parameters_are_now(
    engine: str, outcome: Outcomes
) -> None:
    stock, results = outcome("stock", "changed_between"), outcome(engine, "changed_between")
    for name in stock:
        assert_close(results[name], stock[name], STOCK_TOLERANCE, name)


@everywhere
def test_nan_comes_through(engine: str, outcome: Outcomes) -> None:
    y = outcome(engine, "not_a_number")["y"]
    assert np.isnan(y[:, 1]).all()
    assert np.isfinite(np.delete(y, 1, axis=1)).all()


@each_engine
def test_training_keeps_one_map_more_than_the_blobs(engine: str, outcome: Outcomes) -> None:
    maps = outcome(engine, "memory")["maps"]
    blobs = 4  # data and diff of x and of y
    # Stock Caffe keeps three more, with the diff of x_norm where BatchNorm works in place.
    assert maps > blobs + 2.5 if engine == "stock" else maps < blobs + 1.5


@everywhere
def test_sigmoid_equals_a_float64_reference(engine: str, outcome: Outcomes) -> None:
    expected = 0.5 + 0.5 * np.tanh(SIGMOID_INPUTS.astype(np.float64) / 2)
    assert_close(outcome(engine, "sigmoid")["y"], expected, 2e-7, "all")
    small = (SIGMOID_INPUTS < 0) & (SIGMOID_INPUTS >= -20)
    exact = 1 / (1 + np.exp(-SIGMOID_INPUTS[small].astype(np.float64)))
    relative = outcome(engine, "sigmoid")["y"][small] / exact - 1
    assert np.abs(relative).max() <= 5e-7


@everywhere
def test_adam_equals_a_float64_reference(engine: str, outcome: Outcomes) -> None:
    results = outcome(engine, "adam")
    values, update_sum = {}, {}
    for number, steps in gradients().items():
        m = v = 0.0
        rate = np.float32(RATE) * RATE_MULTIPLIERS[int(number)]
        for step, gradient in enumerate(steps):
            g = gradient.astype(np.float32).astype(np.float64)
            m = BETA1 * m + (1 - BETA1) * g
            v = BETA2 * v + (1 - BETA2) * g * g
            t = step + 1
            correction = np.sqrt(1 - BETA2**t) / (1 - BETA1**t)
            update = rate * correction * m / (np.sqrt(v) + DELTA)
            update_sum[number] = update_sum.get(number, 0) + update
            values[step, number] = update
            # 1 - beta2 in single precision is off by 1.3e-5.
            assert_close(results[f"{step}/{number}/update"], update, 3e-5, (step, number))
        first = results[f"0/{number}/value"] + results[f"0/{number}/update"]
        moved = first - results[f"{STEPS - 1}/{number}/value"]
        assert_close(moved, update_sum[number], 3e-5, number)


@each_accelerated
def test_adam_rounds_as_stock_caffe_does(engine: str, outcome: Outcomes) -> None:
    stock, results = outcome("stock", "adam"), outcome(engine, "adam")
    for name in stock:
        assert_close(results[name], stock[name], 5e-7, name)


@each_accelerated
@pytest.mark.parametrize("program", ["all_cases", "adam"])
def test_bits_depend_neither_on_the_run_nor_on_the_number_of_threads(
    program: str, engine: str, outcome: Outcomes
) -> None:
    first = outcome(engine, program)
    for other in (outcome(engine, program, repeat=1), outcome(engine, program, threads=1),
                  outcome(engine, program, threads=5)):  # fmt: skip
        assert all(np.array_equal(first[name], other[name], equal_nan=True) for name in first)


@pytest.mark.skipif(len(ENGINES) == 1, reason="this machine has neither AVX2 nor AVX-512")
def test_the_engine_is_not_the_stock_code(outcome: Outcomes) -> None:
    for program in ("all_cases", "adam"):
        stock, best = outcome("stock", program), outcome(ENGINES[-1], program)
        assert any(not np.array_equal(stock[name], best[name]) for name in best)


if __name__ == "__main__":
    np.savez(sys.argv[2], **PROGRAMS[sys.argv[1]]())
