"""tools/reproduce.sh from faces to report, on real Caffe; only the training is cut short."""

import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from conftest import ROOT

RELEASED = {path.stem for path in (ROOT / "data/weights").glob("*.caffemodel")}


def start(*words: str, **settings: object) -> subprocess.Popen[str]:
    """Start tools/reproduce.sh in a process group of its own, as a terminal does."""
    known = {"CELEBA", "TEST_PARTITION", "ITERATIONS", "BATCH_SIZE", "DATA", "OUT", "GPU"}
    environment = {name: value for name, value in os.environ.items() if name not in known}
    environment |= {name: str(value) for name, value in settings.items()}
    return subprocess.Popen(
        ["bash", ROOT / "tools/reproduce.sh", *words],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment,
        process_group=0,
    )  # fmt: skip


def reproduce(*words: str, **settings: object) -> subprocess.CompletedProcess[str]:
    with start(*words, **settings) as process:
        output, errors = process.communicate()
    return subprocess.CompletedProcess(process.args, process.returncode, output, errors)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("faces")


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory, data: Path) -> Path:
    out = tmp_path_factory.mktemp("reproduced")
    done = reproduce(OUT=out, DATA=data, ITERATIONS=4, BATCH_SIZE=2)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == str(out / "report.html")
    return out


def test_drawn_faces_become_models_figures_and_a_report(out: Path, data: Path) -> None:
    assert (data / "sample/manifest.json").exists()
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


@pytest.mark.parametrize("name", ["GPU", "ITERATIONS", "BATCH_SIZE", "TEST_PARTITION"])
def test_a_setting_that_is_no_number_is_refused_before_anything_is_set_up(name: str) -> None:
    done = reproduce(**{name: "1e3"})
    assert done.returncode != 0
    assert f"{name}=1e3: must be a whole number, or not set" in done.stderr.splitlines()[0]


def test_a_second_call_keeps_what_is_done(out: Path, data: Path) -> None:
    files = [
        out / "gan/snapshots/iter_00000004/generator.caffemodel",
        *out.glob("**/evaluation/metrics.json"),
    ]
    before = [file.stat().st_mtime_ns for file in files]
    done = reproduce(OUT=out, DATA=data, ITERATIONS=4, BATCH_SIZE=2)
    assert done.returncode == 0, done.stderr
    assert [file.stat().st_mtime_ns for file in files] == before
    assert len(files) == 1 + 2 + len(RELEASED)


def test_celeba_as_it_was_downloaded_is_enough(out: Path, data: Path, tmp_path: Path) -> None:
    """Its folder alone is named; the training of a second call goes on with what is packed."""
    download, drawn = tmp_path / "Müllers CelebA", data / "sample_faces"  # that `out` has drawn
    (download / "Eval").mkdir(parents=True)
    shutil.make_archive(str(download / "Img/img_align_celeba"), "zip", drawn / "img_align_celeba")
    shutil.copy(drawn / "list_eval_partition.txt", download / "Eval")
    settings = {"OUT": tmp_path / "out", "DATA": tmp_path / "data", "CELEBA": download}
    for told in ("training: gan", "data/celeba is there already"):
        done = reproduce(**settings, ITERATIONS=0)
        assert told in done.stderr
        assert done.stderr.splitlines()[-1].endswith("--iterations: 0 is not 1 or more")
    assert (tmp_path / "data/celeba/manifest.json").exists()
    done = reproduce(**settings, TEST_PARTITION=1)
    assert "data/celeba holds other faces than these: remove it" in done.stderr


def test_other_settings_do_not_mix_with_a_run_that_was_begun(out: Path, data: Path) -> None:
    result = reproduce(OUT=out, DATA=data, ITERATIONS=4, BATCH_SIZE=3)
    assert result.returncode == 2
    assert "has batch_size 2, not 3" in result.stderr.splitlines()[-1]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stop_leaves_a_snapshot(
    out: Path, data: Path, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    """A terminal sends Ctrl-C to the script and to the training that it waits for."""
    with start(OUT=tmp_path, DATA=data, ITERATIONS=1_000_000, BATCH_SIZE=2) as process:
        while process.poll() is None and not (tmp_path / "gan/log.jsonl").exists():
            time.sleep(0.1)
        os.killpg(process.pid, number)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == code, errors
    assert len(list(tmp_path.glob("gan/snapshots/iter_*/generator.caffemodel"))) == 1


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = reproduce(OUT=tmp_path / "file/runs", DATA=tmp_path)
    assert (result.returncode, result.stdout) == (2, "")
    assert f"{tmp_path}/file/runs cannot be written to" in result.stderr


def test_bad_requests_end_in_one_line(tmp_path: Path) -> None:
    for name in ("images/list_eval_partition.txt", "faces/000001.jpg"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text("000001.jpg 0\n")
    for words, settings, complaint in (
        (("--fast",), {}, "--fast: unknown"),
        ((), {"CELEBA": tmp_path / "nowhere"}, "CELEBA"),
        ((), {"CELEBA": tmp_path / "images"}, "images: holds no image named like 000001.jpg"),
        ((), {"CELEBA": tmp_path / "faces"}, f"no list_eval_partition.txt or .csv in {tmp_path}"),
    ):
        result = reproduce(*words, OUT=tmp_path, DATA=tmp_path, **settings)
        assert result.returncode == 2
        assert complaint in result.stderr.splitlines()[-1]
