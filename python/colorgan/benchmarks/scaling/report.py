"""Tables: what was measured, what the model says, and what more processes are worth."""

from collections.abc import Iterable

from colorgan.benchmarks.scaling.model import clusters, machine
from colorgan.benchmarks.scaling.turns import Measured
from colorgan.measuring.markdown import markdown_table
from colorgan.measuring.trainings.experiments import Result

BATCHES = (16, 64, 256)  # those of the experiments
SHARE = 64  # faces of a process, where the batch grows with the number of processes
PAPERS_RATE = 1e-4  # the learning rate of a run whose configuration names none

MODEL_HEADINGS = (
    *("processes", "faces each", "iteration, ms", "model", "off by"),
    *("averaging", "alone", "model"),
)


def report(measured: Measured, trained: Iterable[Result]) -> str:
    """Three Markdown tables; `trained` are experiments that differ in batch and learning rate."""
    parts = against_model(measured), worth(measured), quality(trained)
    return "\n\n".join(parts)


def against_model(measured: Measured) -> str:
    """Each case's quickest turn, and what the model says where processes share a batch."""
    here, rows = machine(measured), []
    for point in measured.points:
        found, expected = point.best.iteration, here.iteration(point.processes, point.share)
        cells = [f"{point.processes}", f"{point.share}", milliseconds(found)]
        if point.processes == 1:
            cells += [""] * 5
        else:
            averaging = point.best.averaging, point.alone(), here.averaging(point.processes)
            cells += [milliseconds(expected), f"{expected / found - 1:+.0%}"]
            cells += map(milliseconds, averaging)
        rows.append(cells)
    return markdown_table(MODEL_HEADINGS, rows, text_columns=0)


def milliseconds(seconds: float) -> str:
    """Seconds as milliseconds, for a table."""
    return f"{1e3 * seconds:,.0f}"


def worth(measured: Measured) -> str:
    """For each cluster, the most processes that are worth it, see `Cluster.worth`."""
    batches = (f"batch {batch}" for batch in BATCHES)
    rows = []
    for name, cluster in clusters(measured).items():
        counts = [*(cluster.worth(batch) for batch in BATCHES), cluster.worth_of_shares(SHARE)]
        rows.append([name, *map(str, counts)])
    return markdown_table(["worth it, up to", *batches, f"{SHARE} faces each"], rows)


def quality(trained: Iterable[Result]) -> str:
    """The experiments' colours, by batch size and learning rate; all saw as many faces."""
    rows = []
    for result in trained:
        rate = result.config.get("learning_rate") or PAPERS_RATE
        model = result.metrics["outputs"]["model"]
        cells = [f"{result.config['batch_size']}", f"{rate:g}", f"{result.iterations:,}"]
        cells += [f"{model[key]['mean']:.2f}" for key in ("psnr", "ciede2000")]
        rows.append([*cells, f"{model['colorfulness_ratio']:.2f}"])
    headings = ["batch", "learning rate", "updates", "PSNR", "CIEDE2000", "colour"]
    return markdown_table(headings, rows, text_columns=0)


def best_psnr(trained: Iterable[Result]) -> dict[int, float]:
    """The best PSNR, in dB, of each batch size."""
    best: dict[int, float] = {}
    for result in trained:
        batch, model = result.config["batch_size"], result.metrics["outputs"]["model"]
        best[batch] = max(model["psnr"]["mean"], best.get(batch, 0.0))
    return best
