"""The average of a generator's weights."""

from pathlib import Path

import numpy as np
import pytest

from colorgan.errors import UserError
from colorgan.nets.deployed import DeployedGenerator, generate
from colorgan.nets.runtime import load_caffe
from colorgan.training.averaging import WeightAverage
from conftest import ROOT

SMALL = ROOT / "prototxt" / "generator_small.prototxt"
DEPLOY = ROOT / "prototxt" / "generator_small_deploy.prototxt"
DECAY = 0.9


@pytest.fixture
def training_net():
    return load_caffe().Net(str(SMALL), load_caffe().TRAIN)


def fill(net, value: float) -> None:
    for blobs in net.params.values():
        for blob in blobs:
            blob.data[...] = value


def values(net) -> set[float]:
    return {round(float(v), 5) for bs in net.params.values() for b in bs for v in np.unique(b.data)}


def test_the_first_weights_count_no_more_than_later_ones(training_net) -> None:
    average = WeightAverage(training_net, str(DEPLOY), DECAY)
    for iteration, value in enumerate((1.0, 2.0, 6.0), 1):
        fill(training_net, value)
        average.follow(iteration)
    assert values(average.net) == {3.0}


def test_later_on_each_iteration_counts_one_minus_decay(training_net) -> None:
    average = WeightAverage(training_net, str(DEPLOY), DECAY)
    fill(average.net, 5.0)
    fill(training_net, 7.0)
    average.follow(1000)
    assert values(average.net) == {5.2}


def test_training_goes_on_from_its_own_weights(training_net) -> None:
    average = WeightAverage(training_net, str(DEPLOY), DECAY)
    fill(training_net, 7.0)
    average.follow(50)
    assert values(training_net) == {7.0}


def test_a_snapshot_of_the_average_is_a_generators_weights(training_net, tmp_path: Path) -> None:
    for blob in ("gray", "color"):
        training_net.blobs[blob].reshape(2, 3, 64, 64)
        training_net.blobs[blob].data[...] = np.random.default_rng(1).random((2, 3, 64, 64))
    training_net.forward()
    average = WeightAverage(training_net, str(DEPLOY), DECAY)
    average.follow(1)
    average.snapshot(tmp_path)
    gray = np.random.default_rng(2).integers(0, 256, (2, 64, 64), np.uint8)
    (file,) = tmp_path.iterdir()
    expected = generate(average.net, gray)
    np.testing.assert_array_equal(DeployedGenerator(file).colorize(gray), expected)
    again = WeightAverage(training_net, str(DEPLOY), DECAY)
    again.restore(tmp_path)
    np.testing.assert_array_equal(generate(again.net, gray), expected)


def test_an_average_that_is_missing_or_of_another_net_is_refused(
    training_net, tmp_path: Path
) -> None:
    average = WeightAverage(training_net, str(DEPLOY), DECAY)
    weights = tmp_path / "generator_average.caffemodel"
    with pytest.raises(UserError, match=r"generator_average\.caffemodel: cannot be read"):
        average.restore(tmp_path)
    wide = ROOT / "prototxt" / "generator_deploy.prototxt"
    load_caffe().Net(str(wide), load_caffe().TEST).save(str(weights))
    with pytest.raises(UserError, match="layer conv1 has"):
        average.restore(tmp_path)
