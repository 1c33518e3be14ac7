"""Training by the CPU engine follows training by Caffe's own code; so does that on a GPU."""

import json
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from colorgan.nets.prototxt import read_net, write_prototxt
from conftest import ROOT
from engines import ENGINES, run_under

ITERATIONS = 100
# Relative, at any record. On the L2 loss alone the two runs drift apart by 1e-6. Against D, small
# differences grow: 1e-4 in the L2 loss after 100 iterations, 7e-3 in the losses of D.
TOLERANCES = {
    "l2": {"l2": 1e-4},
    "gan": {"l2": 0.01, "d_real": 0.1, "d_fake": 0.1, "adversarial": 0.1},
}

Losses = dict[str, np.ndarray]


@pytest.fixture(scope="module")
def nets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The small generator with a quarter of its maps, and D with half of them.

    The engine's ways of convolution are all used.
    """
    folder, made = tmp_path_factory.mktemp("nets"), {}
    for name, source, share in (
        ("generator", "generator_small", 4),
        ("discriminator", "discriminator", 2),
    ):
        net = read_net(ROOT / f"prototxt/{source}.prototxt")
        for layer in net.layer:
            if layer.type == "Convolution" and layer.name != "conv5":
                layer.convolution_param.num_output //= share
        made[name] = folder / f"{name}.prototxt"
        write_prototxt(made[name], net, "for a test")
    return made


@pytest.fixture
def gpu(request: pytest.FixtureRequest) -> int:
    named = request.config.getoption("--gpu")
    if named is None:
        pytest.skip("no GPU was named: pytest --gpu 0")
    return named


@pytest.fixture
def train(faces: Path, nets: dict[str, Path], tmp_path: Path) -> Callable[..., Losses]:
    """The losses that a run logs, one a record."""

    def run(
        mode: str,
        engine: str | None,
        *options: object,
        threads: int = 2,
        iterations: int = ITERATIONS,
    ) -> Losses:
        out = Path(tempfile.mkdtemp(dir=tmp_path)) / "run"
        against = [] if mode == "l2" else ["--discriminator", nets["discriminator"]]
        run_under(
            engine, "-m", "colorgan", "train", "--data", faces, "--out", out,
            "--generator", nets["generator"], "--mode", mode, *against, "--batch-size", 2,
            "--iterations", iterations, "--validate-every", iterations, "--validation-faces", 8,
            *options, threads=threads,
        )  # fmt: skip
        records = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
        names = TOLERANCES[mode]
        return {name: np.array([r[name] for r in records if name in r]) for name in names}

    return run


@pytest.mark.skipif(len(ENGINES) == 1, reason="this machine has neither AVX2 nor AVX-512")
@pytest.mark.parametrize("mode", TOLERANCES)
def test_losses_follow_those_of_the_stock_code(mode: str, train: Callable[..., Losses]) -> None:
    stock, ours = train(mode, "stock", threads=1), train(mode, ENGINES[-1])
    for name, tolerance in TOLERANCES[mode].items():
        assert len(stock[name]) == ITERATIONS // 10
        np.testing.assert_allclose(ours[name], stock[name], rtol=tolerance, err_msg=name)
        assert not np.array_equal(ours[name], stock[name])  # the engine was on


@pytest.mark.parametrize("engine", ENGINES[1:])
def test_training_is_the_same_bits_in_every_run(engine: str, train: Callable[..., Losses]) -> None:
    first, second = (train("gan", engine, iterations=20) for _ in range(2))
    assert all(np.array_equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("mode", TOLERANCES)
def test_losses_on_a_gpu_follow_those_on_the_cpu(
    mode: str, train: Callable[..., Losses], gpu: int
) -> None:
    on_cpu, on_gpu = train(mode, None), train(mode, None, "--gpu", gpu)
    for name, tolerance in TOLERANCES[mode].items():
        np.testing.assert_allclose(on_gpu[name], on_cpu[name], rtol=tolerance, err_msg=name)
        assert not np.array_equal(on_gpu[name], on_cpu[name])


def test_runs_on_a_gpu_repeat_and_resume_to_the_bit(
    faces: Path, nets: dict[str, Path], tmp_path: Path, gpu: int
) -> None:
    def train(name: str, *options: object) -> None:
        run_under(
            None, "-m", "colorgan", "train", "--out", tmp_path / name, "--gpu", gpu,
            "--validate-every", 3, "--snapshot-every", 3, *options,
        )  # fmt: skip

    new = (
        *("--data", faces, "--generator", nets["generator"]),
        *("--batch-size", 4, "--validation-faces", 8),
    )
    for name in ("once", "again"):
        train(name, *new, "--iterations", 6)
    train("in halves", *new, "--iterations", 3)
    train("in halves", "--resume", "--iterations", 6)
    for net in ("generator", "discriminator"):
        last = f"snapshots/iter_00000006/{net}.caffemodel"
        once, *others = ((tmp_path / name / last).read_bytes() for name in
                         ("once", "again", "in halves"))  # fmt: skip
        assert all(other == once for other in others)
