"""tools/reproduce.sh from faces to report, on real Caffe; only the training is cut short."""

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
RELEASED = {path.stem for path in (ROOT / "data/weights").glob("*.caffemodel")}


def reproduce(*words: str, **settings: object) -> subprocess.CompletedProcess[str]:
    known = {"CELEBA", "TEST_PARTITION", "ITERATIONS", "BATCH_SIZE", "OUT", "GPU"}
    environment = {name: value for name, value in os.environ.items() if name not in known}
    environment |= {name: str(value) for name, value in settings.items()}
    return subprocess.run(
        ["bash", str(ROOT / "tools/reproduce.sh"), *words],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("reproduced")
    done = reproduce(OUT=out, ITERATIONS=4, BATCH_SIZE=2)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == str(out / "report.html")
    return out


def test_drawn_faces_become_models_figures_and_a_report(out: Path) -> None:
    for mode in ("gan", "l2"):
        assert (out / mode / "snapshots/best/generator.caffemodel").exists()
        assert (out / mode / "evaluation/metrics.json").exists()
    figures = {path.name for path in (out / "figures").iterdir()}
    assert figures == {
        *("figure2.png", "figure3.png", "figure4a.png", "figure4b.png", "curves.png")
    }


def test_the_report_stands_alone_and_says_that_its_faces_are_drawn(out: Path) -> None:
    page = (out / "report.html").read_text()
    assert not re.findall(r'(?:src|href)="(?!data:|#)[^"]*"', page)
    assert page.count("data:image/png;base64,") == 5 + len(RELEASED)
    assert "The faces are drawn by a program" in page


def test_the_weights_that_come_with_the_project_are_measured_beside_them(out: Path) -> None:
    page = (out / "report.html").read_text()
    measured = {path.parents[1].name for path in out.glob("released/*/evaluation/metrics.json")}
    assert measured == RELEASED
    assert set(re.findall(r'<th scope="row">Released: ([^,<]+)</th>', page)) == RELEASED


def test_a_second_call_keeps_what_is_done(out: Path) -> None:
    weights = out / "gan/snapshots/iter_00000004/generator.caffemodel"
    before = weights.stat().st_mtime_ns
    done = reproduce(OUT=out, ITERATIONS=4, BATCH_SIZE=2)
    assert done.returncode == 0, done.stderr
    assert weights.stat().st_mtime_ns == before


def test_other_settings_do_not_mix_with_a_run_that_was_begun(out: Path) -> None:
    result = reproduce(OUT=out, ITERATIONS=4, BATCH_SIZE=3)
    assert result.returncode == 2
    assert "has batch_size 2, not 3" in result.stderr.splitlines()[-1]


def test_bad_requests_end_in_one_line(tmp_path: Path) -> None:
    for words, settings, complaint in (
        (("--fast",), {}, "--fast: unknown"),
        ((), {"CELEBA": tmp_path / "nowhere"}, "CELEBA"),
        ((), {"CELEBA": tmp_path}, "list_eval_partition.txt is missing"),
    ):
        result = reproduce(*words, **settings)
        assert result.returncode == 2
        assert complaint in result.stderr.splitlines()[-1]
