"""The HTML report: it holds everything itself, and says what the numbers say."""

import base64
import json
import re
import shutil
from collections.abc import Callable
from functools import reduce
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from colorgan.errors import UserError
from colorgan.faces.database import FaceDatabase
from colorgan.luminance import gray_from_bgr
from colorgan.measuring.figures.canvas import save_png
from colorgan.measuring.quality.evaluation import Faces, evaluate, provenance, write_evaluation
from colorgan.measuring.quality.metrics import METRICS
from colorgan.measuring.report import RunRecord, RunSources, render_report
from colorgan.nets.deployed import DeployedGenerator
from colorgan.nets.runtime import load_caffe
from conftest import ROOT

CONFIG = {"mode": "gan", "batch_size": 8, "iterations": 40, "validation_faces": 16}
LOG = [
    {"iteration": 20, "l2": 60.0, "images_per_second": 4.0},
    {"iteration": 20, "val_psnr": 20.0},
    {"iteration": 40, "l2": 50.0, "images_per_second": 2.0},
]


class Page(HTMLParser):
    """The cells of a page's tables, and the addresses it would fetch."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.rows: list[list[tuple[str, bool]]] = []
        self.addresses: list[str] = []
        self._marked: bool | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self.addresses += [attributes[key] or "" for key in ("src", "href") if key in attributes]
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self._marked = "best" in (attributes.get("class") or "").split()
            self.rows[-1].append(("", self._marked))

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th"):
            self._marked = None

    def handle_data(self, data: str) -> None:
        if self._marked is not None:
            text, marked = self.rows[-1][-1]
            self.rows[-1][-1] = (text + data, marked)

    def row(self, name: str) -> list[tuple[str, bool]]:
        return next(row[1:] for row in self.rows if row[0][0] == name)


@pytest.fixture(scope="module")
def evaluate_outputs(tmp_path_factory, faces) -> Callable[[Path, int, int], None]:
    """Evaluate outputs that are the true faces darkened, with a constant error added.

    Whose they are is said to be an untrained generator.
    """
    caffe = load_caffe()
    weights = tmp_path_factory.mktemp("weights") / "generator.caffemodel"
    caffe.Net(str(ROOT / "prototxt/generator_small.prototxt"), caffe.TRAIN).save(str(weights))
    generator = DeployedGenerator(weights)

    def write(folder: Path, error: int, first: int) -> None:
        with (
            FaceDatabase(faces / "test_lmdb") as test,
            FaceDatabase(faces / "train_lmdb") as train,
        ):
            indices = range(first, 20)
            real = test.faces(indices)
            fake = (real // 2 + 60 + error).astype(np.uint8)
            batch = Faces(test.numbers(indices), gray_from_bgr(real), fake, real)
            result = evaluate(iter([batch]), train)
        write_evaluation(folder, result, provenance(generator, faces, first))

    return write


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory, evaluate_outputs) -> Path:
    """An evaluation of the first 20 test faces."""
    folder = tmp_path_factory.mktemp("evaluated")
    evaluate_outputs(folder, error=12, first=0)
    return folder


@pytest.fixture
def sources(tmp_path, faces, evaluated) -> tuple[Path, Path, Path, Path]:
    """Folders of a run, its evaluation, the data and the figures."""
    run, evaluation, figures = (tmp_path / name for name in ("run", "evaluation", "figures"))
    run.mkdir()
    (run / "config.json").write_text(json.dumps(CONFIG))
    (run / "log.jsonl").write_text("".join(json.dumps(record) + "\n" for record in LOG))
    shutil.copytree(evaluated, evaluation)
    figures.mkdir()
    save_png(figures / "figure2.png", np.full((20, 30, 3), 90, np.uint8))
    save_png(figures / "figure3.png", np.full((20, 30, 3), 60, np.uint8))
    return run, evaluation, faces, figures


def render(
    sources,
    l2: RunSources | None = None,
    released: dict[str, Path] | None = None,
    notes: tuple[str, ...] = (),
) -> str:
    run, evaluation, data, figures = sources
    model = RunSources(run, evaluation)
    return render_report(model, l2, data, figures, released or {}, list(notes))


def test_the_report_fetches_nothing(sources):
    text = render(sources)
    assert all(address.startswith("data:image/png;base64,") for address in Page(text).addresses)
    assert "url(" not in text and "@import" not in text and "<script" not in text


def test_the_report_holds_the_figures_that_are_there_byte_for_byte(sources):
    held = [base64.b64decode(a.partition(",")[2]) for a in Page(render(sources)).addresses]
    assert held == [(sources[3] / f"figure{i}.png").read_bytes() for i in (2, 3)]


def test_the_table_shows_the_measured_means_and_marks_the_best(sources):
    page = Page(render(sources))
    result = json.loads((sources[1] / "metrics.json").read_text())
    outputs, truth = result["outputs"], result["truth"]
    rows = {"model": page.row("Model")}
    rows |= {key: page.row(row["name"]) for key, row in outputs.items() if key != "model"}
    for column, metric in enumerate(METRICS):
        values = {key: outputs[key][metric.key]["mean"] for key in outputs}
        for key, cells in rows.items():
            assert cells[column][0] == f"{values[key]:.{metric.digits}f}"
        if metric.better == "truth":
            own = truth[metric.key]["mean"]
            best = min(values.values(), key=lambda value, own=own: abs(value - own))
        else:
            best = (max if metric.better == "higher" else min)(values.values())
        marked = {key for key, cells in rows.items() if cells[column][1]}
        assert marked == {key for key in values if values[key] == best}


def test_the_truth_is_shown_and_never_marked(sources):
    page = Page(render(sources))
    cells = page.row("Original")
    shown = [text for text, _ in cells]
    assert [bool(text) for text in shown] == [m.better == "truth" for m in METRICS]
    assert not any(marked for _, marked in cells)


def test_the_time_in_training_follows_from_the_logged_speed():
    record = RunRecord("Model", CONFIG, LOG, {})
    assert record.seconds == pytest.approx(20 * 8 / 4.0 + 20 * 8 / 2.0)
    assert record.iterations == 40


def test_a_model_below_the_average_face_is_said_to_be(sources):
    assert "does not beat the average face" in render(sources)


def test_measured_faces_that_training_looked_at_are_admitted(sources, evaluate_outputs):
    admission = "Training chose its best snapshot by the first 16 test faces"
    assert admission in render(sources)
    evaluate_outputs(sources[1], error=12, first=16)
    assert admission not in render(sources)


def test_notes_are_shown_as_text(sources):
    assert "&lt;b&gt;drawn&lt;/b&gt;" in render(sources, notes=("<b>drawn</b>",))


@pytest.fixture
def l2(sources, evaluate_outputs, tmp_path) -> RunSources:
    """A run with L2 alone and its evaluation."""
    shutil.copytree(sources[0], tmp_path / "l2 run")
    (tmp_path / "l2 run/config.json").write_text(json.dumps({**CONFIG, "mode": "l2"}))
    evaluate_outputs(tmp_path / "l2", error=0, first=0)
    return RunSources(tmp_path / "l2 run", tmp_path / "l2")


def test_a_run_with_l2_alone_gets_its_own_rows_and_settings(sources, l2):
    page = Page(render(sources, l2))
    model, l2 = page.row("Model"), page.row("L2 alone")
    assert model[0] != l2[0]
    assert page.row("L2 alone, input's luminance kept") != l2
    assert page.row("batch size") == [("8", False)] * 2


def test_an_evaluation_of_another_runs_weights_is_not_reported(sources, l2):
    with pytest.raises(UserError, match="was not trained on L2 alone"):
        render(sources, RunSources(sources[0], l2.evaluation))
    snapshot = l2.run / "snapshots/iter_00000040"
    snapshot.mkdir(parents=True)
    measured = json.loads((l2.evaluation / "metrics.json").read_text())["weights_sha256"]
    for digest in (measured, "of other weights"):
        state = {"sha256": {"generator.caffemodel": digest}}
        (snapshot / "state.json").write_text(json.dumps(state))
        if digest == measured:
            render(sources, l2)
    with pytest.raises(UserError, match="measured other weights than any snapshot's"):
        render(sources, l2)


@pytest.fixture
def released(sources, evaluate_outputs, tmp_path) -> Path:
    """What reproduce.sh makes of released weights: an evaluation and figures."""
    folder = tmp_path / "released"
    evaluate_outputs(folder / "evaluation", error=20, first=0)
    shutil.copytree(sources[3], folder / "figures")
    save_png(folder / "figures/figure3.png", np.full((20, 30, 3), 200, np.uint8))
    return folder


def test_released_weights_get_their_rows_and_their_figure_3(sources, released):
    text = render(sources, released={"paper": released})
    page = Page(text)
    outputs = json.loads((released / "evaluation/metrics.json").read_text())["outputs"]
    for key, addition in {"model": "", "model_luminance": ", input's luminance kept"}.items():
        shown = [cell for cell, _ in page.row(f"Released: paper{addition}")]
        assert shown == [m.format(outputs[key][m.key]["mean"]) for m in METRICS]
    held = [base64.b64decode(address.partition(",")[2]) for address in page.addresses]
    expected = [sources[3] / "figure2.png", sources[3] / "figure3.png"]
    expected.append(released / "figures/figure3.png")
    assert held == [path.read_bytes() for path in expected]
    assert "drawn faces are new to them" in text


def test_without_released_weights_none_are_spoken_of(sources):
    assert "released" not in render(sources).lower()


def test_measurements_on_different_faces_are_not_put_into_one_table(
    sources, released, evaluate_outputs, l2
):
    evaluate_outputs(l2.evaluation, error=0, first=2)
    with pytest.raises(UserError, match="different faces"):
        render(sources, l2)
    evaluate_outputs(released / "evaluation", error=0, first=2)
    with pytest.raises(UserError, match="Released: paper were measured on different faces"):
        render(sources, released={"paper": released})


def test_an_evaluation_of_other_metrics_is_not_reported(sources):
    path = sources[1] / "metrics.json"
    result = json.loads(path.read_text())
    del result["metrics"]["edge_sharpness"]
    path.write_text(json.dumps(result))
    with pytest.raises(UserError, match="another version"):
        render(sources)


def test_an_evaluation_or_settings_that_say_too_little_are_named(sources):
    for path, key in (
        (sources[1] / "metrics.json", "truth"),
        (sources[0] / "config.json", "batch_size"),
    ):
        whole = path.read_text()
        path.write_text(json.dumps({k: v for k, v in json.loads(whole).items() if k != key}))
        with pytest.raises(UserError, match=f"{path.name}: has no '{key}'"):
            render(sources)
        path.write_text(whole)


@pytest.mark.parametrize(
    ("source", "name", "place", "value"),
    [
        (0, "config.json", "batch_size", "64"),
        (1, "metrics.json", "faces", "many"),
        (1, "metrics.json", "versions", None),
        (1, "metrics.json", "outputs.model", [1]),
        (1, "metrics.json", "outputs.gray.ssim.mean", "high"),
        (1, "metrics.json", "truth.colorfulness", 0.2),
        (2, "manifest.json", "splits.train.written", None),
    ],
)
def test_values_that_were_edited_into_others_are_named(
    sources, tmp_path, source, name, place, value
):
    run, evaluation, faces, figures = sources
    (tmp_path / "data").mkdir()
    shutil.copyfile(faces / "manifest.json", tmp_path / "data/manifest.json")
    sources = (run, evaluation, tmp_path / "data", figures)
    path = sources[source] / name
    content = json.loads(path.read_text())
    *above, key = place.split(".")
    reduce(dict.get, above, content)[key] = value
    path.write_text(json.dumps(content))
    with pytest.raises(UserError, match=f"{name}: '{re.escape(place)}' cannot be"):
        render(sources)


def test_an_evaluation_on_other_data_is_not_reported(sources, tmp_path):
    run, evaluation, data, figures = sources
    (tmp_path / "other").mkdir()
    (tmp_path / "other/manifest.json").write_text((data / "manifest.json").read_text() + " ")
    with pytest.raises(UserError, match="other data"):
        render((run, evaluation, tmp_path / "other", figures))


def test_missing_sources_are_named(sources, tmp_path):
    run, evaluation, data, figures = sources
    for broken in (
        (tmp_path / "none", evaluation, data, figures),
        (run, tmp_path / "none", data, figures),
        (run, evaluation, tmp_path / "none", figures),
        (run, evaluation, data, tmp_path / "none"),
    ):
        with pytest.raises(UserError, match=re.escape(str(tmp_path / "none"))):
            render(broken)
    with pytest.raises(UserError, match=re.escape(str(tmp_path / "gone"))):
        render(sources, released={"paper": tmp_path / "gone"})


def test_the_program_writes_the_report_and_prints_its_path_last(sources, released, run, tmp_path):
    folder, evaluation, data, figures = sources
    out = tmp_path / "new/report.html"
    done = run(
        "report", "--run", folder, "--evaluation", evaluation, "--data", data,
        "--figures", figures, f"--released=paper={released}", "--note", "A note.", "--out", out,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == str(out)
    assert "<li>A note.</li>" in out.read_text()
    assert "Released: paper" in out.read_text()


def test_released_weights_are_given_by_name_and_folder(run):
    done = run("report", "--released", "somewhere")
    assert done.returncode == 2
    assert "'somewhere' is not NAME=PATH" in done.stderr


def test_the_program_ends_with_one_line_where_a_run_is_missing(sources, run, tmp_path):
    _, evaluation, data, figures = sources
    done = run(
        "report", "--run", tmp_path / "none", "--evaluation", evaluation,
        "--data", data, "--figures", figures, "--out", tmp_path / "report.html",
    )  # fmt: skip
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert str(tmp_path / "none") in done.stderr
