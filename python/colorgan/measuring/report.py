"""The report of a reproduction: a single HTML file with everything, pictures included."""

import base64
import math
import platform
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from colorgan.errors import UserError
from colorgan.files import read_json, sha256
from colorgan.measuring.paper_figures import FIGURES
from colorgan.measuring.quality.evaluation import read_evaluation
from colorgan.measuring.quality.metrics import METRICS, Metric
from colorgan.measuring.trainings.log import last_iteration, read_log, training_seconds
from colorgan.processes import own_cores

TEMPLATE = "report.html.j2"

# What the paper's text leaves open: what we assume, and why.
ASSUMPTIONS = (
    ("G's feature maps", "32-64-128-256-3", "they grow to the output and fit the paper's 4 GB"),
    ("G's kernel", "3x3, pad 1", "as in earlier Caffe nets for colouring faces"),
    ("First weights", "MSRA and Xavier in G, Gaussian 0.02 in D", "the field's practice"),
    (
        "D",
        "4 convolutions 4x4, stride 2, LeakyReLU 0.2, no BatchNorm, then one score",
        "the text states BatchNorm for G only; half of DCGAN's counts",
    ),
    ("Batch, iterations", "64, 20,000", "about 21 epochs of 60,000 faces"),
    ("Adam", "momentum2 0.999, delta 1e-8, no weight decay", "Caffe's defaults"),
    ("Crop", "centred 178x178, then 64x64 by area averaging", "keeps the whole head"),
    ("Gray", "0.299 R + 0.587 G + 0.114 B, rounded to 8 bits", "what Caffe and OpenCV do"),
)

PAPER_TRAIN_FACES = 60_000
PAPER_ITERATIONS = 20_000  # assumed; see ASSUMPTIONS

# What the report says of the data.
MANIFEST = {
    "splits": dict.fromkeys(("train", "test"), {"written": int}),
    "source": {"images": str | list},
}


@dataclass(frozen=True)
class RunSources:
    """A training run and its evaluation: the folders of `colorgan train` and `evaluate`."""

    run: Path
    evaluation: Path


@dataclass(frozen=True)
class Released:
    """Weights that come with the project, measured beside the runs; `figure` is their figure 3."""

    name: str
    evaluation: dict
    figure: dict[str, str]


@dataclass(frozen=True)
class RunRecord:
    """What the report needs to know about a training run."""

    name: str
    config: dict
    log: list[dict]
    evaluation: dict

    @property
    def iterations(self) -> int:
        """Iterations that the log reaches."""
        return last_iteration(self.log)

    @property
    def seconds(self) -> float:
        """Time in training iterations, from the logged images a second."""
        return training_seconds(self.log, self.config["batch_size"])


def render_report(
    model: RunSources,
    l2: RunSources | None,
    data: Path,
    figures: Path,
    released: dict[str, Path],
    notes: list[str],
) -> str:
    """Return the report as one HTML text that needs no other file.

    `data` is the folder of `colorgan build-lmdb`, `figures` that of `colorgan figures`; `released`
    are the names of released weights and a folder for each, with evaluation/ and figures/ in it;
    `notes` are said beside those that follow from the numbers. UserError where a source is missing
    or damaged, `l2` has a D, or the evaluations measured different faces, other data or other
    weights than the runs'.
    """
    runs = [read_run("Model", model)]
    if l2:
        runs.append(read_run("L2 alone", l2))
        if runs[-1].config.get("mode") != "l2":
            raise UserError(f"{l2.run}: was not trained on L2 alone, so --l2-run is another")
    others = [read_released(name, folder) for name, folder in released.items()]
    evaluations = {run.name: run.evaluation for run in runs}
    evaluations |= {one.name: one.evaluation for one in others}
    check_same_faces(evaluations)
    manifest = read_json(data / "manifest.json", **MANIFEST)
    if sha256(data / "manifest.json") != runs[0].evaluation["manifest_sha256"]:
        raise UserError(f"{model.evaluation}: measured on other data than {data}; evaluate again")
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(TEMPLATE).render(
        runs=runs,
        evaluation=runs[0].evaluation,
        settings=settings_table(runs),
        metrics=METRICS,
        rows=metric_rows(evaluations),
        figures=read_figures(figures),
        released=others,
        manifest=manifest,
        machine=machine(),
        assumptions=ASSUMPTIONS,
        notes=[*notes, *notes_from_numbers(runs[0], manifest)],
    )


def read_run(name: str, sources: RunSources) -> RunRecord:
    """Read a run's configuration, log and evaluation; UserError for that of another run."""
    evaluation = evaluation_in(sources.evaluation)
    states = sorted((sources.run / "snapshots").glob("iter_*/state.json"))
    measurable = [
        digest for path in states for digest in read_json(path, sha256={})["sha256"].values()
    ]
    if states and evaluation["weights_sha256"] not in measurable:
        raise UserError(
            f"{sources.evaluation}: measured other weights than any snapshot's of {sources.run}; "
            "evaluate that run's"
        )
    return RunRecord(
        name,
        read_json(sources.run / "config.json", batch_size=int, validation_faces=int),
        read_log(sources.run / "log.jsonl"),
        evaluation,
    )


def read_released(name: str, folder: Path) -> Released:
    """Read what was measured and drawn of released weights."""
    title = f"{name}: gray, generated and original test faces"
    figure = embedded(folder / "figures" / "figure3.png", title)
    return Released(f"Released: {name}", evaluation_in(folder / "evaluation"), figure)


def evaluation_in(folder: Path) -> dict:
    """Read a folder of `colorgan evaluate`; UserError unless it measured what this version does."""
    evaluation = read_evaluation(folder)
    if list(evaluation["metrics"]) != [metric.key for metric in METRICS]:
        raise UserError(f"{folder}: measured by another version; evaluate it again")
    return evaluation


def check_same_faces(evaluations: dict[str, dict]) -> None:
    """UserError unless all were measured on the same faces: one table would mislead."""
    (first, expected), *others = evaluations.items()
    for name, evaluation in others:
        for key in ("manifest_sha256", "faces", "first_image", "last_image"):
            if evaluation[key] != expected[key]:
                raise UserError(
                    f"{first} and {name} were measured on different faces ({key} differs);"
                    " run colorgan evaluate for both with the same --data, --skip and --count"
                )


def settings_table(runs: list[RunRecord]) -> list[tuple[str, list[str]]]:
    """Return a row a setting of config.json: its name, and its value in each run."""
    keys = dict.fromkeys(key for run in runs for key in run.config)
    return [(key.replace("_", " "), [str(run.config.get(key, "")) for run in runs]) for key in keys]


def metric_rows(evaluations: dict[str, dict]) -> list[dict]:
    """Return the table of metrics, the best cells marked.

    Each model's output as it is and with its input's luminance, the baselines, the truth.
    """
    models = {"model": "", "model_luminance": ", input's luminance kept"}
    rows = [
        (name + addition, evaluation["outputs"][key])
        for name, evaluation in evaluations.items()
        for key, addition in models.items()
    ]
    first = next(iter(evaluations.values()))
    rows += [(row["name"], row) for key, row in first["outputs"].items() if key not in models]
    truth = first["truth"]
    best = {metric.key: min(_distance(metric, row, truth) for _, row in rows) for metric in METRICS}
    return [
        {
            "name": name,
            "cells": [
                (
                    metric.format(row[metric.key]["mean"]) if metric.key in row else "",
                    row is not truth and _distance(metric, row, truth) == best[metric.key],
                )
                for metric in METRICS
            ],
        }
        for name, row in [*rows, (truth["name"], truth)]
    ]


def _distance(metric: Metric, row: dict, truth: dict) -> float:
    best = truth[metric.key]["mean"] if metric.better == "truth" else math.nan
    return metric.distance_from_best(row[metric.key]["mean"], best)


def read_figures(folder: Path) -> list[dict[str, str]]:
    """Return the pictures that are there, as `embedded` does; UserError where there are none."""
    pictures = [
        embedded(folder / name, title)
        for name, title in FIGURES.items()
        if (folder / name).exists()
    ]
    if not pictures:
        raise UserError(f"{folder}: no figures there; draw them with colorgan figures")
    return pictures


def embedded(path: Path, title: str) -> dict[str, str]:
    """Return a PNG's file name, its title, and the picture itself as a data: address."""
    try:
        encoded = base64.b64encode(path.read_bytes()).decode()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None
    return {"name": path.name, "title": title, "address": f"data:image/png;base64,{encoded}"}


def notes_from_numbers(model: RunRecord, manifest: dict) -> list[str]:
    """Say what the numbers say against the result."""
    notes = []
    outputs = model.evaluation["outputs"]
    reached, average = (outputs[key]["psnr"]["mean"] for key in ("model", "average_face"))
    if reached <= average:
        notes.append(
            f"The model's PSNR, {reached:.2f} dB, does not beat the average face's colour"
            f" ({average:.2f} dB). An adversarial loss trades PSNR for colour: compare the"
            " colourfulness, and the pictures."
        )
    written = manifest["splits"]["train"]["written"]
    if written < PAPER_TRAIN_FACES:
        notes.append(f"Trained on {written:,} faces; the paper has {PAPER_TRAIN_FACES:,}.")
    if model.iterations < PAPER_ITERATIONS:
        notes.append(
            f"Trained for {model.iterations:,} iterations of {model.config['batch_size']} faces;"
            f" {PAPER_ITERATIONS:,} of 64 are assumed for the paper."
        )
    seen = model.config["validation_faces"]
    if model.evaluation["skipped_faces"] < seen:
        notes.append(
            f"Training chose its best snapshot by the first {seen} test faces, and some of them"
            " are among those measured here."
        )
    return notes


def machine() -> str:
    """Name this machine's processor, its cores and its system."""
    model = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
        model = names[0] if names else model
    except OSError:
        pass  # not Linux: what platform knows has to do
    return f"{model}, {len(own_cores())} cores, {platform.system()}"
