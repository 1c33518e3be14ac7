"""`colorgan bench-train`: what it prints and keeps, what it checks, what it refuses."""

import importlib.util
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from colorgan.benchmarks.training.preparation import TRAINING_PASSES, flop_of_a_pass
from colorgan.benchmarks.training.report import report
from colorgan.benchmarks.training.turns import difference
from colorgan.errors import UserError
from colorgan.nets.prototxt import GENERATOR_PROTOTXT, read_net
from colorgan.nets.runtime import load_caffe
from conftest import ROOT
from programs import alive, below, run_python, wait_until

Run = Callable[..., subprocess.CompletedProcess[str]]

BENCH = "bench-train"
ONCE = ("--batch-size", 2, "--rounds", 2, "--iterations", 1, "--width", 0.125)


def assert_ends_with_one_line(ended: subprocess.CompletedProcess[str], *parts: str) -> None:
    assert ended.returncode == 2
    lines = ended.stderr.splitlines()
    assert len(lines) == 1, ended.stderr
    assert all(part in lines[0] for part in parts), lines[0]


def test_training_is_measured_phase_by_phase_and_kept_as_json(run: Run, tmp_path: Path) -> None:
    kept = tmp_path / "bench.json"
    ended = run(BENCH, *ONCE, "--sides", "stock", "ours", "--json", kept)
    assert ended.returncode == 0, ended.stderr
    for part in ("images/s", "of peak", "peak MiB", "D backward", "ours / stock"):
        assert part in ended.stdout
    (result,) = json.loads(kept.read_text())["results"]
    assert result["largest_difference"] <= 1e-3
    for side in ("stock", "ours"):
        assert len(result["seconds"][side]) == 2
        for turn in result["seconds"][side]:
            total = turn.pop("all")
            assert 0 < sum(turn.values()) <= total
        assert 0 < result["memory_mib"][side]["before"] < result["memory_mib"][side]["peak"]


def test_a_phase_that_only_one_side_has_is_0_of_the_other() -> None:
    turns = {"ours": {"all": 0.2, "averaging": 0.001}, "pytorch-nchw": {"all": 0.4}}
    told = report(
        {
            "batch_size": 2,
            "flop_per_image": {"generator": 1e9},
            "iterations": 1,
            "largest_difference": 0.0,
            "seconds": {name: [turn] for name, turn in turns.items()},
            "memory_mib": {name: {"peak": 10.0, "before": 5.0} for name in turns},
            "peak_gflops": [{"NumPy": 100.0}],
        }
    )
    (row,) = (line.split() for line in told.splitlines() if line.startswith("averaging"))
    assert row == ["averaging", "1.0", "0.0"]


def test_an_image_costs_the_papers_generator_9_7_gflop_in_training() -> None:
    # 4096 pixels x 9 taps x (3 x 32 + 32 x 64 + 64 x 128 + 128 x 256 + 256 x 3) multiply-adds
    by_hand = 3 * 2 * 4096 * 9 * 43872
    assert round(by_hand / 1e9, 1) == 9.7
    net = read_net(GENERATOR_PROTOTXT)
    built = load_caffe().Net(str(GENERATOR_PROTOTXT), 0)
    assert TRAINING_PASSES["generator"] * flop_of_a_pass(net, built) == by_hand


def test_coloring_is_measured_at_any_size_and_kept_though_the_next_batch_is_refused(
    run: Run, tmp_path: Path
) -> None:
    kept = tmp_path / "bench.json"
    ended = run(
        BENCH, *ONCE, "--sides", "ours", "--forward", "--rounds", 1, "--size", 40, "--json", kept,
        "--batch-size", 2, 10**8,
    )  # fmt: skip
    assert ended.returncode == 2
    assert "generator.prototxt at batch size 100000000" in ended.stderr.splitlines()[-1]
    (result,) = json.loads(kept.read_text())["results"]
    # 1600 pixels x 9 taps x multiply-adds of 3-4-8-16-32-3 maps
    by_hand = 2 * 1600 * 9 * (12 + 32 + 128 + 512 + 96)
    assert result["flop_per_image"] == {"generator": by_hand, "discriminator": 0}


def test_sides_that_disagree_are_refused() -> None:
    assert difference({"stock": {"l2": 2.0}, "ours": {"l2": 2.0001}}) == pytest.approx(5e-5)
    for wrong in (2.01, float("nan")):
        with pytest.raises(UserError, match="ours and stock disagree on l2"):
            difference({"stock": {"l2": 2.0}, "ours": {"l2": wrong}})


def test_faces_too_small_for_the_discriminator_are_one_line(run: Run) -> None:
    assert_ends_with_one_line(run(BENCH, "--size", "8", "--sides", "ours"), "must be 16 pixels")


def test_a_net_without_a_place_for_ds_gradient_is_one_line(run: Run) -> None:
    net = ROOT / "prototxt/generator_zhang.prototxt"
    ended = run(BENCH, *ONCE, "--sides", "ours", "--generator", net)
    assert_ends_with_one_line(ended, "no layer makes the blob 'fake_adversarial'")


def test_a_net_that_caffe_refuses_is_one_line(run: Run, tmp_path: Path) -> None:
    broken = tmp_path / "broken.prototxt"
    prototxt = (ROOT / "prototxt/generator.prototxt").read_text()
    broken.write_text(prototxt.replace('bottom: "conv4"', 'bottom: "conv9"'))
    assert_ends_with_one_line(run(BENCH, *ONCE, "--sides", "ours", "--generator", broken), "conv9")


@pytest.mark.skipif(bool(importlib.util.find_spec("torch")), reason="PyTorch is installed")
def test_pytorch_missing_is_one_line(run: Run) -> None:
    assert_ends_with_one_line(run(BENCH, "--sides", "pytorch-nchw"), "requirements-bench.txt")


def test_pytorchs_process_needs_numpy_and_nothing_else_of_the_projects() -> None:
    told = run_python(
        "-c", "import sys; before = set(sys.modules); import colorgan.benchmarks.training.process, "
        "colorgan.benchmarks.training.torch_side, colorgan.benchmarks.training.yardstick; "
        "print(*{name.partition('.')[0] for name in set(sys.modules) - before})",
    )  # fmt: skip
    assert told.returncode == 0, told.stderr
    assert set(told.stdout.split()) - sys.stdlib_module_names <= {"colorgan", "numpy"}


@pytest.mark.parametrize(
    ("python", "told"),
    [
        ("/nowhere/python", "--pytorch-python /nowhere/python: No such file"),
        ("/bin/false", "not a Python that runs here"),
        ("/bin/true", "not a Python that runs here"),
    ],
)
def test_a_python_that_does_not_run_pytorch_is_one_line(run: Run, python: str, told: str) -> None:
    ended = run(BENCH, *ONCE, "--sides", "ours", "pytorch-nchw", "--pytorch-python", python)
    assert_ends_with_one_line(ended, told)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--tf32",), "are for a GPU"),
        (("--workspace-mib", 256), "are for a GPU"),
        (("--gpu", 0, "--sides", "stock", "ours"), "--sides stock is for the CPU"),
        (("--gpu", 99, "--sides", "ours"), "GPU 99 asked for"),
    ],
)
def test_options_that_do_not_go_together_are_one_line(run: Run, options: tuple, told: str) -> None:
    assert_ends_with_one_line(run(BENCH, *ONCE, *options), told)


def test_the_sides_processes_do_not_outlive_a_killed_benchmark() -> None:
    endless = (*ONCE, "--iterations", 10**6, "--sides", "ours")
    bench = subprocess.Popen([sys.executable, "-m", "colorgan", BENCH, *map(str, endless)])
    wait_until(lambda: len(below(bench.pid)) == len(["ours", "yardstick"]))
    sides = below(bench.pid)
    time.sleep(1)  # at work, most likely
    bench.kill()
    bench.wait()
    wait_until(lambda: not any(map(alive, sides)))


WRONG = [("--sides", "tensorflow"), ("--rounds", "0"), ("--width", "0"), ("--threads", "100000")]


@pytest.mark.parametrize("option", WRONG)
def test_wrong_options_end_with_code_2(run: Run, option: tuple[str, str]) -> None:
    ended = run(BENCH, *option)
    assert ended.returncode == 2
    assert f"argument {option[0]}: " in ended.stderr
