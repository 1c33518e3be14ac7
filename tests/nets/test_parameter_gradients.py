"""Backward passes without the gradients of parameters, in each layer that has any.

As a program, `test_parameter_gradients.py OUT.npz`, it makes the passes under the engine that
CAFFE_CPU_ENGINE names; with --gpu the tests' own process makes them on the GPU.
"""

import sys
from pathlib import Path

import numpy as np
import pytest

from engines import ENGINES, Outcomes, make_net

LEFT_OVER = 7.0  # in the diffs before each pass
FIXED = "middle"  # the convolution whose bias has a learning rate of 0

# Scale with its bias and in place, as after BatchNorm, and a Bias of its own.
NET = """
    layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 2 dim: 3 dim: 8 dim: 8 } } }
    layer { name: "first" type: "Convolution" bottom: "x" top: "y"
            convolution_param { num_output: 8 kernel_size: 3 pad: 1 bias_term: false
                                weight_filler { type: "xavier" } } }
    layer { name: "norm" type: "BatchNorm" bottom: "y" top: "y" }
    layer { name: "scale" type: "Scale" bottom: "y" top: "y" scale_param { bias_term: true } }
    layer { name: "relu" type: "ReLU" bottom: "y" top: "y" }
    layer { name: "middle" type: "Convolution" bottom: "y" top: "z"
            param { lr_mult: 1 } param { lr_mult: 0 }
            convolution_param { num_output: 4 kernel_size: 4 stride: 2 pad: 1
                                weight_filler { type: "xavier" } } }
    layer { name: "up" type: "Deconvolution" bottom: "z" top: "up"
            convolution_param { num_output: 3 kernel_size: 4 stride: 2 pad: 1
                                weight_filler { type: "xavier" } } }
    layer { name: "bias" type: "Bias" bottom: "up" top: "biased" }
    layer { name: "score" type: "InnerProduct" bottom: "biased" top: "score"
            inner_product_param { num_output: 1 weight_filler { type: "xavier" } } }
    layer { name: "loss" type: "Reduction" bottom: "score" top: "loss" loss_weight: 100 }
"""

Arrays = dict[str, np.ndarray]


def passes() -> Arrays:
    """The diffs after a pass with parameter gradients, one without, and one with them again.

    PASS/blob, and PASS/LAYER/INDEX of parameters; "forced/..." are those of a net with
    force_backward, where Caffe computes even what has a learning rate of 0.
    """
    kept = {}
    for name, prototxt in (("", NET), ("forced/", f"force_backward: true {NET}")):
        net = make_net(prototxt)
        random = np.random.default_rng(0)
        net.blobs["x"].data[...] = random.standard_normal(net.blobs["x"].data.shape)
        for number, wanted in enumerate([True, False, True]):
            net.forward()  # stock Scale, in place, keeps its input for one backward pass
            blobs = [blob for blobs in net.params.values() for blob in blobs]
            for blob in blobs:
                blob.diff[...] = LEFT_OVER
            net.set_param_gradients(wanted)
            net.backward()
            for layer, layer_blobs in net.params.items():
                for index, blob in enumerate(layer_blobs):
                    kept[f"{name}{number}/{layer}/{index}"] = blob.diff.copy()
            kept[f"{name}{number}/blob"] = net.blobs["x" if name else "z"].diff.copy()
    return kept


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Outcomes:
    return Outcomes(__file__, tmp_path_factory.mktemp("outcomes"))


@pytest.fixture(params=[*ENGINES, "gpu"])
def diffs(request: pytest.FixtureRequest, outcome: Outcomes) -> Arrays:
    if request.param != "gpu":
        return outcome(request.param)
    if request.config.getoption("--gpu") is None:
        pytest.skip("no GPU was named: pytest --gpu 0")
    return passes()


def of_parameters(diffs: Arrays, prefix: str) -> Arrays:
    """The diffs of learned parameters, by LAYER/INDEX."""
    return {
        name.removeprefix(prefix): diff
        for name, diff in diffs.items()
        if name.startswith(prefix) and not name.endswith("blob") and "norm" not in name
    }


@pytest.mark.parametrize("net", ["", "forced/"])
def test_parameter_diffs_stay_as_they_are_where_they_are_not_wanted(
    diffs: Arrays, net: str
) -> None:
    with_them, without = (of_parameters(diffs, f"{net}{number}/") for number in (0, 1))
    assert len(with_them) == 10
    for name, diff in with_them.items():
        fixed = not net and name == f"{FIXED}/1"
        assert np.all(diff == LEFT_OVER) == fixed, name
        assert np.all(without[name] == LEFT_OVER), name


@pytest.mark.parametrize("net", ["", "forced/"])
def test_the_gradients_of_blobs_are_the_same_without_those_of_parameters(
    diffs: Arrays, net: str
) -> None:
    assert diffs[f"{net}0/blob"].any()
    np.testing.assert_array_equal(diffs[f"{net}1/blob"], diffs[f"{net}0/blob"])


@pytest.mark.parametrize("net", ["", "forced/"])
def test_wanted_again_the_gradients_are_those_of_the_first_pass(diffs: Arrays, net: str) -> None:
    first, again = (of_parameters(diffs, f"{net}{number}/") for number in (0, 2))
    for name in first:
        np.testing.assert_allclose(again[name], first[name], rtol=1e-4, atol=1e-3, err_msg=name)


if __name__ == "__main__":
    np.savez(Path(sys.argv[1]), **passes())
