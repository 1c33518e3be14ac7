"""`colorgan bench-methods`: what it prints and keeps, and what it refuses."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from colorgan.benchmarks.methods import Turn, report
from colorgan.commands.bench_methods import configuration
from colorgan.measuring.trainings.experiments import read_experiments

Run = Callable[..., subprocess.CompletedProcess[str]]
EXPERIMENTS = """
[tiny]
question = "?"
generator = "prototxt/generator_small_bottleneck.prototxt"
batch-size = 2
[tiny-l2]
question = "?"
inherits = "tiny"
profile = true
mode = "l2"
"""


def test_methods_take_turns_and_are_held_against_the_first(
    run: Run, faces: Path, tmp_path: Path
) -> None:
    experiments, kept = tmp_path / "experiments.toml", tmp_path / "turns.json"
    experiments.write_text(EXPERIMENTS)
    done = run(
        "bench-methods", "tiny", "tiny-l2", "--experiments", experiments,
        "--data", faces, "--rounds", 2, "--json", kept,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    turns = json.loads(kept.read_text())
    assert list(turns) == ["tiny", "tiny-l2"]
    assert all(turn["training"] > 0 < turn["coloring"] for own in turns.values() for turn in own)
    assert [len(own) for own in turns.values()] == [2, 2]
    rows = [line.split("|") for line in done.stdout.splitlines()]
    assert [row[1].strip() for row in rows[2:]] == ["`tiny`", "`tiny-l2`"]
    assert rows[2][3].strip() == rows[2][5].strip() == "1.00"


def test_ratios_are_of_turns_in_the_same_round() -> None:
    turns = {"one": [Turn(1, 2), Turn(10, 20)], "two": [Turn(2, 2), Turn(20, 20)]}
    assert report(turns).splitlines()[-1] == "| `two` | 11.0 | 2.00 | 11.0 | 1.00 |"


def test_the_projects_own_nets_are_found_from_any_folder(
    faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    config = configuration(read_experiments()["small"], faces)
    assert config.generator == "prototxt/generator_small.prototxt"


def test_an_unknown_experiment_is_refused_in_one_line(run: Run) -> None:
    done = run("bench-methods", "papre")
    assert done.returncode == 2
    assert done.stderr.strip().startswith("colorgan bench-methods: error: papre: no such")


def test_faces_of_another_size_than_a_net_takes_are_refused_in_one_line(
    run: Run, faces: Path
) -> None:
    done = run("bench-methods", "unet128", "--data", faces)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "faces of 64 pixels" in line and "build the LMDB with --size 128" in line


def test_an_option_that_training_does_not_know_is_refused_in_one_line(
    run: Run, faces: Path, tmp_path: Path
) -> None:
    experiments = tmp_path / "experiments.toml"
    experiments.write_text('[odd]\nquestion = "?"\npace = 3\n')
    done = run("bench-methods", "odd", "--experiments", experiments, "--data", faces)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "unrecognized arguments: --pace 3; see colorgan train --help" in line
