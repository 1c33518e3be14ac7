"""The experiments' file, how they are run, and the table of what came out."""

import json
import shutil
import signal
import subprocess
import sys
from itertools import combinations
from pathlib import Path

import cv2
import numpy as np
import pytest

from colorgan.errors import UserError
from colorgan.measuring.figures.faces import GRID_GAP, HEADER_HEIGHT, LABEL_WIDTH
from colorgan.measuring.trainings import claims, swings
from colorgan.measuring.trainings.experiments import (
    RESULTS,
    Experiment,
    read_experiments,
    read_hints,
    read_result,
    read_results,
    read_times,
    table,
    times_first,
)
from conftest import ROOT
from programs import alive, below

RESULTS_PAGE = ROOT / "docs/results.md"


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "experiments.toml"
    path.write_text(text)
    return path


def test_a_section_takes_over_what_it_inherits_and_its_own_options_win(tmp_path: Path) -> None:
    text = """
    [one]
    question = "?"
    lambda = 100
    mirror = true
    old-photos = false
    [two]
    question = "??"
    inherits = "one"
    lambda = 1
    """
    two = read_experiments(written(tmp_path, text))["two"]
    assert two.question == "??"
    assert two.training_words() == ["--lambda", "1", "--mirror"]


def test_the_projects_own_nets_are_found_from_any_folder(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    options = {"mode": "l2", "generator": "prototxt/generator.prototxt", "init-weights": "my/own"}
    found = Experiment("one", "?", options).from_anywhere().options
    assert found == options | {"generator": ROOT / "prototxt/generator.prototxt"}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[one\n", "not a TOML file"),
        ('[one]\nquestion = "?"\ninherits = "two"\n[two]\nquestion = "?"', "inherits 'two'"),
        ("[one]\nlambda = 1\n", r"\[one\] has no question"),
        ("one = 1", r"\[one\] has no question"),
        ('[one]\nquestion = "?"\ninherits = ["two"]', r"inherits \['two'\]"),
        ('[one]\nquestion = "?"\nvalidation-faces = "9"', "'one.validation-faces' cannot be '9'"),
    ],
)
def test_a_file_that_makes_no_sense_is_refused(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(UserError, match=complaint):
        read_experiments(written(tmp_path, text))


def test_all_that_the_experiments_name_is_there() -> None:
    for experiment in read_experiments().values():
        for option in ("generator", "generator-solver", "discriminator", "discriminator-solver"):
            path = experiment.options.get(option)
            assert path is None or (ROOT / path).exists()
        assert experiment.options["validation-faces"] == 1044


def test_the_papers_experiment_changes_nothing_of_the_papers_numbers() -> None:
    options = read_experiments()["paper"].options
    assert set(options) == {"iterations", "validation-faces", "validate-every"}


@pytest.fixture(scope="module")
def tried(tmp_path_factory: pytest.TempPathFactory, run, faces: Path) -> Path:
    """The shortest experiment there is, run by the tool on a copy of the project's own file."""
    out = tmp_path_factory.mktemp("tried")
    experiments = out / "experiments.toml"
    experiments.write_text(
        '[tiny]\nquestion = "?"\ngenerator = "prototxt/generator_small_bottleneck.prototxt"\n'
        "batch-size = 2\niterations = 4\nlog-every = 2\nvalidation-faces = 6\n"
        '[tiny-l2]\nquestion = "?"\ninherits = "tiny"\nmode = "l2"\n'
    )
    done = run(
        "experiments", "tiny", "tiny-l2", "--experiments", experiments,
        "--data", faces, "--runs", out / "runs", "--results", out / "results", "--table",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (out / "stdout.txt").write_text(done.stdout)
    return out


def test_an_experiment_is_trained_measured_and_what_is_small_is_kept(tried: Path) -> None:
    kept = {path.name for path in (tried / "results/tiny").iterdir()}
    assert kept == {"config.json", "log.jsonl", "metrics.json", "cost.json"}
    result = read_result(tried / "results/tiny")
    assert (result.iterations, result.images_seen) == (4, 8)
    assert result.metrics["skipped_faces"] == 6
    assert result.seconds > 0
    assert 50 < result.peak_mib < 2000
    scores = [record["score_fake"] for record in result.log if "score_fake" in record]
    assert result.last_mean("score_fake") == pytest.approx(sum(scores) / 2)


def test_a_command_that_an_experiment_runs_ends_with_it() -> None:
    words = "import sys; from colorgan.errors import run_program as run; "
    words += "from colorgan.commands.experiments import call; "
    words += "sys.exit(run('experiments', lambda: call('demo', '--port', 0)))"
    command = [sys.executable, "-c", words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as started:
        assert "http" in started.stdout.readline()  # it serves
        (child,) = below(started.pid)
        started.terminate()
        assert started.wait(30) == 128 + signal.SIGTERM
        assert not alive(child)


def test_the_table_has_a_row_each_and_the_baselines(tried: Path) -> None:
    printed = (tried / "stdout.txt").read_text().splitlines()
    lines = printed[: printed.index("")]  # the claims follow
    rows = [line.split("|")[1].strip() for line in lines if line.startswith("|")]
    assert rows[2:] == [
        *("`tiny`", "`tiny-l2`"),
        *("gray input", "gray + mean colour", "gray + average face's colour"),
    ]
    assert len({line.count("|") for line in lines if line.startswith("|")}) == 1


def test_an_experiment_that_is_done_is_not_trained_again(tried: Path, run, faces: Path) -> None:
    weights = next((tried / "runs/tiny/snapshots").glob("iter_*/generator.caffemodel"))
    before = weights.stat().st_mtime_ns
    done = run(
        "experiments", "tiny", "--experiments", tried / "experiments.toml",
        "--data", faces, "--runs", tried / "runs", "--results", tried / "results",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert weights.stat().st_mtime_ns == before


def test_the_figure_shows_the_same_faces_in_all_weights_and_by_strokes(
    tried: Path, run, faces: Path
) -> None:
    picture = tried / "faces.png"
    done = run(
        "experiments", "tiny", "tiny-l2", "paper", "--experiments", tried / "experiments.toml",
        "--data", faces, "--runs", tried / "runs", "--figure", picture,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(picture)]
    step = 64 + GRID_GAP  # gray, three generators, strokes, an example, the original
    shown = cv2.imread(str(picture))[HEADER_HEIGHT : HEADER_HEIGHT + 7 * step]
    rows = [shown[step * row + GRID_GAP : step * (row + 1), LABEL_WIDTH:] for row in range(7)]
    assert not np.ptp(rows[0], axis=-1).any(), "the first row is gray"
    for one, other in combinations(rows, 2):
        assert (one != other).any()


@pytest.mark.parametrize(
    ("names", "complaint"),
    [((), "name at least one"), (("papre",), "papre: neither a run in")],
)
def test_a_figure_of_nothing_is_refused_in_one_line(run, tmp_path, names, complaint) -> None:
    done = run("experiments", *names, "--figure", tmp_path / "faces.png")
    assert done.returncode == 2
    assert complaint in done.stderr and done.stderr.count("\n") == 1


def test_without_a_name_the_experiments_are_listed_with_their_commands(run) -> None:
    done = run("experiments")
    assert done.returncode == 0, done.stderr
    for name in read_experiments():
        assert any(line.startswith(name) for line in done.stdout.splitlines())
    assert "colorgan train --iterations" in done.stdout


def test_an_unknown_experiment_is_refused_in_one_line(run) -> None:
    done = run("experiments", "papre")
    assert done.returncode == 2
    assert done.stderr.strip().startswith("colorgan experiments: error: papre: no such experiment")


def test_the_docs_tables_are_those_of_the_results() -> None:
    results = read_results(RESULTS)
    assert table(results.values(), read_hints()) in RESULTS_PAGE.read_text()
    assert claims.table(results) in RESULTS_PAGE.read_text()
    assert swings.table(results.values()) in RESULTS_PAGE.read_text()


def test_kept_results_are_of_the_experiments_as_they_stand_in_the_file() -> None:
    experiments = read_experiments()
    for name, result in read_results(RESULTS).items():
        told = {
            "lambda": result.config["adversarial_weight"],
            **{key.replace("_", "-"): value for key, value in result.config.items()},
        }
        for option, value in experiments[name].options.items():
            assert told[option] == value, f"{name}: {option}"


def test_costs_are_held_against_the_first_in_the_same_round() -> None:
    turns = {
        "one": [{"training": 1, "coloring": 2}, {"training": 10, "coloring": 20}],
        "two": [{"training": 3, "coloring": 2}, {"training": 30, "coloring": 20}],
    }
    assert times_first(turns)["two"] == {"training": 3, "coloring": 1}


@pytest.mark.parametrize("lost", [{}, {"one": []}, {"one": [{"training": 0, "coloring": 1}]}])
def test_costs_that_are_none_are_refused(tmp_path: Path, lost: dict) -> None:
    (tmp_path / "methods.json").write_text(json.dumps(lost))
    with pytest.raises(UserError, match="is not what colorgan bench-methods keeps"):
        read_times(tmp_path / "methods.json")


def test_costs_and_hints_that_lie_beside_the_results_are_in_the_table(
    tried: Path, tmp_path: Path
) -> None:
    shutil.copytree(tried / "results", tmp_path / "experiments")
    (tmp_path / "speed").mkdir()
    turns = {"tiny": [{"training": 2, "coloring": 1}], "tiny-l2": [{"training": 1, "coloring": 3}]}
    (tmp_path / "speed/methods.json").write_text(json.dumps(turns))
    hint = {"name": "strokes", "points": 3, "colorfulness_ratio": 0.5}
    hint |= {key: {"mean": value} for key, value in (("psnr", 24.75), ("ciede2000", 8.32))}
    (tmp_path / "methods.json").write_text(json.dumps({"methods": [hint]}))
    folder = tmp_path / "experiments"
    printed = table(
        read_results(folder, ("tiny", "tiny-l2")).values(), read_hints(folder)
    ).splitlines()
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in printed]
    l2, strokes = (dict(zip(rows[0], rows[at], strict=True)) for at in (3, -1))
    assert (l2["training"], l2["colouring"]) == ("0.50", "3.00")
    assert strokes[""] == "strokes, points: 3"
    known = {"PSNR": "24.75", "kept": "24.75", "CIEDE2000": "8.32", "colour": "0.50"}
    assert {key: value for key, value in strokes.items() if key and value} == known
