"""The notebooks run on small data and show what they are to; those kept show what is kept."""

import base64
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from colorgan.files import sha256
from colorgan.measuring.quality import methods
from colorgan.measuring.trainings import experiments
from colorgan.measuring.trainings.experiments import RESULTS, read_results
from colorgan.nets.released import released_weights
from colorgan.training.runfolder import best_weights
from conftest import ROOT

Execute = Callable[[str, dict[str, Path]], nbformat.NotebookNode]

MISSING = {
    "paper_figures": ("paper.caffemodel", "l2.caffemodel"),
    "training_dynamics": ("paper", "l2"),
    "methods": ("methods.json", "best.caffemodel"),
}
NAMES = tuple(MISSING)
FIGURES = ("figure2.png", "figure3.png", "figure4a.png", "figure4b.png")

# One training with D and one without, which stand for all experiments that the notebooks compare.
TRAININGS = """
[small-without-average]
question = "?"
generator = "prototxt/generator_small.prototxt"
batch-size = 2
iterations = 12
log-every = 1
validate-every = 2
validation-faces = 6

[small-average]
inherits = "small-without-average"
question = "?"
average = 0.5

[small-l2]
inherits = "small-without-average"
question = "?"
mode = "l2"
"""
COPIES = {
    "small-average": ("paper", "small", "small-autoencoder", "small-seed2"),
    "small-l2": ("l2", "small-l2-seed2", "small-autoencoder-l2"),
}


@pytest.fixture(scope="module")
def small(tmp_path_factory, run, faces: Path) -> dict[str, Path]:
    """The three folders that the notebooks take files from, by environment variable."""
    out = tmp_path_factory.mktemp("small")
    (out / "experiments.toml").write_text(TRAININGS)
    done = run(
        "experiments", *COPIES, "--experiments", out / "experiments.toml",
        "--data", faces, "--runs", out / "runs", "--results", out / "results",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for name, copies in COPIES.items():
        for copy in copies:
            shutil.copytree(out / "results" / name, out / "results" / copy)
    (out / "weights").mkdir()
    for name, training in (("paper", "small-average"), ("l2", "small-l2")):
        weights = best_weights(out / "runs" / training)
        shutil.copyfile(weights, out / "weights" / f"{name}.caffemodel")
    return {
        "COLORGAN_DATA": faces,
        "COLORGAN_RESULTS": out / "results",
        "COLORGAN_WEIGHTS": out / "weights",
    }


@pytest.fixture
def executed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Execute:
    """Runs a notebook, by its name, on the given folders; a cell that fails fails the test."""

    def execute(name: str, paths: dict[str, Path]) -> nbformat.NotebookNode:
        own = {"IPYTHONDIR": tmp_path, "JUPYTER_RUNTIME_DIR": tmp_path}  # nothing in the home
        for key, path in (own | paths).items():
            monkeypatch.setenv(key, str(path))
        notebook = kept(ROOT / f"notebooks/{name}.ipynb")
        NotebookClient(notebook, resources={"metadata": {"path": str(tmp_path)}}).execute()
        nbformat.validate(notebook)
        return notebook

    return execute


def kept(path: Path) -> nbformat.NotebookNode:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    return notebook


def outputs(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [out for cell in notebook.cells if cell.cell_type == "code" for out in cell.outputs]


def pictures(notebook: nbformat.NotebookNode) -> list[bytes]:
    """The PNG files that a notebook shows, in order."""
    encoded = [out.data.get("image/png") for out in outputs(notebook) if "data" in out]
    return [base64.b64decode(text) for text in encoded if text]


def words(notebook: nbformat.NotebookNode) -> str:
    """All that a notebook prints and all tables that it shows."""
    return "\n".join(
        out.text if out.output_type == "stream" else out.data.get("text/markdown", "")
        for out in outputs(notebook)
    )


def test_the_papers_figures_are_those_that_make_figures_draws(small, run, executed, tmp_path):
    notebook = executed("paper_figures", small)
    weights = small["COLORGAN_WEIGHTS"]
    drawn = run(
        "figures", "--data", small["COLORGAN_DATA"],
        "--weights", weights / "paper.caffemodel", "--l2-weights", weights / "l2.caffemodel",
        "--skip", 6, "--out", tmp_path,
    )  # fmt: skip
    assert drawn.returncode == 0, drawn.stderr
    assert pictures(notebook) == [(tmp_path / name).read_bytes() for name in FIGURES]
    both = read_results(small["COLORGAN_RESULTS"], ("paper", "l2"))
    assert experiments.table(both.values()) in words(notebook)
    assert "other weights" not in words(notebook)


def test_the_trainings_are_drawn_compared_and_judged(small, executed):
    notebook = executed("training_dynamics", small)
    assert len(pictures(notebook)) == 5, "curves, shares, iterations, oscillation, seeds"
    text = words(notebook)
    results = read_results(small["COLORGAN_RESULTS"])
    assert experiments.table(results.values()) in text
    assert "small-wgan: no results, left out\n" in text
    assert "small: no results" not in text
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines()]
    swings = [row[:2] for row in rows if row[:1] == ["its average"]]
    assert swings == [["its average", "2"]] * 2, "of PSNR and of colourfulness"
    verdicts = {(row[0], row[2].split()[0]): row[-1] for row in rows if len(row) == 6}
    assert verdicts["A Wasserstein GAN is steadier: future work", "`small`"] == "not run"
    assert verdicts["D drives what G learns", "`paper`"] in ("holds", "does not hold")


def test_the_methods_are_those_that_the_command_measured(run, faces, executed, tmp_path):
    measured = tmp_path / "methods.json"
    done = run("compare-methods", "--data", faces, "--count", 3, "--out", measured)
    assert done.returncode == 0, done.stderr
    paths = {"RESULTS": tmp_path / "experiments", "WEIGHTS": ROOT / "data/weights", "DATA": faces}
    notebook = executed("methods", {f"COLORGAN_{k}": path for k, path in paths.items()})
    result = json.loads(measured.read_text())
    assert methods.table(result) in words(notebook)
    assert pictures(notebook)[0] == measured.with_suffix(".png").read_bytes()
    assert len(pictures(notebook)) == 2, "error against points, and faces"


@pytest.mark.parametrize("name", NAMES)
def test_where_nothing_is_there_a_notebook_says_so_and_ends(name, faces, executed, tmp_path):
    nothing = dict.fromkeys(("COLORGAN_RESULTS", "COLORGAN_WEIGHTS"), tmp_path / "nothing")
    notebook = executed(name, {"COLORGAN_DATA": faces, **nothing})
    assert pictures(notebook) == []
    for what in MISSING[name]:
        assert len(re.findall(rf"^{re.escape(what)}: no", words(notebook), re.MULTILINE)) == 1


@pytest.mark.parametrize("name", NAMES)
def test_a_kept_notebook_was_run_from_top_to_bottom_without_an_error(name):
    notebook = kept(ROOT / f"notebooks/{name}.ipynb")
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert outputs(notebook)
    assert not [out for out in outputs(notebook) if out.output_type == "error"]
    assert not [out for out in outputs(notebook) if out.get("name") == "stderr"]


@pytest.mark.parametrize("name", NAMES)
def test_a_kept_notebook_says_nothing_of_the_machine_it_was_run_on(name):
    notebook = kept(ROOT / f"notebooks/{name}.ipynb")
    for out in outputs(notebook):
        out.get("data", {}).pop("image/png", None)
    text = json.dumps(notebook)
    assert str(ROOT) not in text
    assert not re.search(r"(?<![\w.])/(home|root|tmp|usr|opt|work|mnt|Users)\b", text)
    assert "iopub.execute_input" not in text, "times of execution change with every run"


def test_the_kept_figures_are_of_the_released_weights():
    notebook = kept(ROOT / "notebooks/paper_figures.ipynb")
    released = {n: p for n, p in released_weights().items() if n in ("paper", "l2")}
    for name, path in released.items():
        (line,) = re.findall(rf"^{name}\.caffemodel: .*", words(notebook), re.MULTILINE)
        assert "as released" in line and sha256(path)[:12] in line
    if len(released) == 2:
        errors = RESULTS.parent / "errors/paper.png"
        assert pictures(notebook)[len(FIGURES) :] == [errors.read_bytes()]


def test_the_kept_tables_are_of_the_kept_results():
    notebook = kept(ROOT / "notebooks/training_dynamics.ipynb")
    results = read_results(RESULTS)
    if results:
        assert experiments.table(results.values()) in words(notebook)
    left_out = set(re.findall(r"^([\w-]+): no results, left out$", words(notebook), re.MULTILINE))
    assert left_out == set(experiments.read_experiments()) - set(results)


def test_the_kept_comparison_of_methods_is_the_kept_result():
    notebook = kept(ROOT / "notebooks/methods.ipynb")
    result = RESULTS.parent / "methods.json"
    assert methods.table(json.loads(result.read_text())) in words(notebook)
    assert pictures(notebook)[0] == result.with_suffix(".png").read_bytes()
