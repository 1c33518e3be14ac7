"""`colorgan colorize`, run as a user runs it, on photographs that packages ship."""

import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import cv2
import matplotlib
import numpy as np
import pytest
from PIL import ExifTags, Image

from conftest import ROOT, Run
from mutants import mutant, seeds
from programs import run_python

HOPPER = Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"
PROGRAM = "colorize"


def is_colored(image: np.ndarray) -> bool:
    return bool(np.ptp(image.astype(int), axis=2).max() > 20)


@pytest.fixture
def old(tmp_path: Path, photo: np.ndarray) -> Path:
    path = tmp_path / "old.png"
    cv2.imwrite(str(path), photo)
    return path


def test_one_line_colors_a_photo_beside_it(run: Run, old: Path, photo: np.ndarray) -> None:
    done = run(PROGRAM, old)
    assert done.returncode == 0, done.stderr
    result = old.with_name("old_colorized.png")
    assert done.stdout.split() == [str(result)]
    assert "1 coloured" in done.stderr
    colored = cv2.imread(str(result), cv2.IMREAD_UNCHANGED)
    assert is_colored(colored)
    np.testing.assert_array_equal(cv2.cvtColor(colored, cv2.COLOR_BGR2GRAY), photo)


def test_what_is_there_already_is_kept_unless_overwriting_is_asked_for(run: Run, old: Path) -> None:
    result = old.with_name("old_colorized.png")
    result.write_bytes(b"dear to someone")
    done = run(PROGRAM, old)
    assert done.returncode == 0 and "1 there already" in done.stderr
    assert "--overwrite" in done.stderr
    assert result.read_bytes() == b"dear to someone"
    assert run(PROGRAM, old, "--overwrite").returncode == 0
    assert cv2.imread(str(result)) is not None


def test_a_folder_is_colored_in_its_structure_and_bad_files_stop_nothing(
    run: Run, tmp_path: Path, old: Path
) -> None:
    album, out = tmp_path / "album", tmp_path / "out"
    (album / "1944").mkdir(parents=True)
    (album / "1944" / "hopper.jpg").write_bytes(HOPPER.read_bytes())
    (album / "a_broken.jpg").write_bytes(HOPPER.read_bytes()[:5000])
    (album / "b_text.png").write_text("no picture\n")
    for name in ("1944/1.CR2", "1944/2.cr2", "letter.docx"):
        (album / name).touch()
    old.rename(album / "c.png")
    done = run(PROGRAM, album, "-o", out)
    assert done.returncode == 2
    errors = [line for line in done.stderr.splitlines() if "error:" in line]
    assert len(errors) == 2
    assert "a_broken.jpg" in errors[0] and "b_text.png" in errors[1]
    assert "Traceback" not in done.stderr
    assert "2 not coloured" in done.stderr and "2 coloured" in done.stderr
    skipped = "colorgan colorize: 3 files skipped: 2 .cr2, 1 .docx"
    assert skipped in done.stderr.splitlines()[-2]
    found = sorted(path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file())
    assert found == ["1944/hopper_colorized.png", "c_colorized.png"]


def test_hundreds_of_damaged_files_are_each_one_line_and_the_rest_is_colored(
    run: Run, tmp_path: Path, old: Path
) -> None:
    album, out = tmp_path / "album", tmp_path / "out"
    album.mkdir()
    valid = list(seeds().values())
    for number in range(400):
        (album / f"{number:03d}.png").write_bytes(mutant(valid, number))
    old.rename(album / "whole.png")
    done = run(PROGRAM, album, "-o", out, "--max-megapixels", 1)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert (out / "whole_colorized.png").exists()
    told = Counter(re.findall(r"error: \S*/(\d{3}\.png): ", done.stderr))
    assert len(told) > 200 and set(told.values()) == {1}
    for line in done.stderr.splitlines():
        assert line.startswith("colorgan colorize: "), line


def test_what_is_too_large_for_the_memory_is_one_line_and_the_rest_is_colored(
    tmp_path: Path, old: Path
) -> None:
    wall = tmp_path / "wall.png"
    Image.new("1", (32000, 32000)).save(wall)
    little_memory = (
        "import resource, sys\n"
        "from pathlib import Path\n"
        "from colorgan import Colorizer\n"
        "from colorgan.commands.front_door import main\n"
        "Colorizer(device='opencv')\n"
        "taken = int(Path('/proc/self/statm').read_text().split()[0]) * resource.getpagesize()\n"
        "resource.setrlimit(resource.RLIMIT_AS, (taken + 500 * 2**20,) * 2)\n"
        "sys.exit(main(sys.argv[1:]))"
    )
    options = ["--device", "opencv", "--max-megapixels", 2000, "-o", tmp_path / "out"]
    done = run_python("-c", little_memory, PROGRAM, wall, old, *options)
    assert done.returncode == 2
    first, *rest = done.stderr.splitlines()
    assert first.endswith(f"error: {wall}: too large for this computer's memory; scale it down")
    assert "1 not coloured, 1 coloured" in rest[-1]
    assert (tmp_path / "out" / "old_colorized.png").exists()


def test_color_input_is_said_to_be_grayed_first(run: Run, tmp_path: Path) -> None:
    done = run(PROGRAM, HOPPER, "-o", tmp_path / "hopper.png")
    assert done.returncode == 0, done.stderr
    assert "is in colour" in done.stderr
    colored = cv2.imread(str(tmp_path / "hopper.png"))
    gray = cv2.cvtColor(cv2.imread(str(HOPPER)), cv2.COLOR_BGR2GRAY)
    np.testing.assert_array_equal(cv2.cvtColor(colored, cv2.COLOR_BGR2GRAY), gray)


@pytest.mark.parametrize(
    ("options", "name", "width"),
    [
        ([], "old_colorized.png", 256),
        (["--grid", "--format", "jpg"], "old_colorized.jpg", 512),
        (["--faces-only", "--format", "tif"], "old_face1_colorized.tif", 64),
    ],
    ids=str,
)
def test_a_result_says_when_and_what_its_source_does(
    run: Run, tmp_path: Path, photo: np.ndarray, options: list[str], name: str, width: int
) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.ImageDescription], exif[ExifTags.Base.Orientation] = "Eileen", 1
    shot = {ExifTags.Base.DateTimeOriginal: "1931:05:04 12:00:00", ExifTags.Base.ExifImageWidth: 9}
    exif[ExifTags.IFD.Exif] = shot
    old = tmp_path / "old.jpg"
    Image.fromarray(photo).save(old, exif=exif, dpi=(300, 300))
    os.utime(old, (10**9, 10**9))
    assert run(PROGRAM, old, *options).returncode == 0
    with Image.open(tmp_path / name) as result:
        found = result.getexif()
        assert result.width == width
        assert found[ExifTags.Base.ImageDescription] == "Eileen"
        expected = shot | {ExifTags.Base.ExifImageWidth: width}
        assert found.get_ifd(ExifTags.IFD.Exif) == expected
        if "--faces-only" not in options:
            assert round(result.info["dpi"][0]) == 300
    assert (tmp_path / name).stat().st_mtime == 10**9


def test_damaged_metadata_are_reported_and_spoil_nothing(
    run: Run, tmp_path: Path, photo: np.ndarray
) -> None:
    old = tmp_path / "old.jpg"
    Image.fromarray(photo).save(old, exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    done = run(PROGRAM, old)
    assert done.returncode == 0
    assert "old.jpg: damaged or too large, and not carried over: EXIF\n" in done.stderr


def test_pipes_take_and_give_pictures(old: Path, photo: np.ndarray) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "colorgan", PROGRAM, "-"],
        cwd=ROOT, input=old.read_bytes(), capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    colored = cv2.imdecode(np.frombuffer(done.stdout, np.uint8), cv2.IMREAD_UNCHANGED)
    assert is_colored(colored)
    np.testing.assert_array_equal(cv2.cvtColor(colored, cv2.COLOR_BGR2GRAY), photo)


def test_an_endless_pipe_is_refused() -> None:
    with Path("/dev/zero").open("rb") as zeros:
        words = ("-m", "colorgan", PROGRAM, "-", "--max-megapixels", 1)
        done = run_python(*words, stdin=zeros)
    assert done.returncode == 2
    assert "standard input: 75 MB is too large for a picture" in done.stderr
    assert done.stdout == ""


def test_no_face_is_a_message_and_exit_code_1_unless_all_is_wanted(
    run: Run, tmp_path: Path, faceless: np.ndarray
) -> None:
    coins = tmp_path / "coins.png"
    cv2.imwrite(str(coins), faceless)
    done = run(PROGRAM, coins)
    assert done.returncode == 1
    assert "no face found" in done.stderr and "--whole" in done.stderr
    assert list(tmp_path.iterdir()) == [coins]
    done = run(PROGRAM, coins, "--whole")
    assert done.returncode == 0, done.stderr
    assert np.ptp(cv2.imread(done.stdout.strip()).astype(int), axis=2).mean() > 1


def test_a_grid_holds_gray_and_color_side_by_side(run: Run, old: Path, photo: np.ndarray) -> None:
    assert run(PROGRAM, old, "--grid").returncode == 0
    both = cv2.imread(str(old.with_name("old_colorized.png")))
    assert both.shape == (256, 512, 3)
    np.testing.assert_array_equal(both[:, :256], cv2.merge([photo] * 3))
    assert is_colored(both[:, 256:])


def test_faces_only_gives_each_face_as_the_paper_has_it(
    run: Run, tmp_path: Path, photo: np.ndarray
) -> None:
    hopper = cv2.imread(str(HOPPER), cv2.IMREAD_REDUCED_GRAYSCALE_2)
    both = tmp_path / "both.png"
    cv2.imwrite(str(both), np.hstack([photo, hopper[:256]]))
    done = run(PROGRAM, both, "--faces-only")
    assert f"{both}: 2 faces" in done.stderr
    assert done.returncode == 0, done.stderr
    names = ["both_face1_colorized.png", "both_face2_colorized.png"]
    assert [Path(line).name for line in done.stdout.split()] == names
    for name in names:
        face = cv2.imread(str(tmp_path / name))
        assert face.shape == (64, 64, 3) and is_colored(face)
    # The first is written last: where an interrupted run has not come to it, the next one does all.
    first, second = (tmp_path / name for name in names)
    assert first.stat().st_ctime_ns > second.stat().st_ctime_ns
    first.unlink()
    assert run(PROGRAM, both, "--faces-only").stdout.split() == [str(first)]


def test_a_folder_of_faces_is_the_same_after_every_further_run(
    run: Run, old: Path, photo: np.ndarray
) -> None:
    face = cv2.resize(photo[25:105, 71:151], (64, 64), interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(old.parent / "face.png"), face)
    for options in (["--faces-only"], []):
        assert run(PROGRAM, old.parent, *options).returncode == 0
        first = {path: path.stat().st_mtime_ns for path in old.parent.iterdir()}
        again = run(PROGRAM, old.parent, *options)
        assert (again.returncode, again.stdout) == (0, "")
        assert "2 there already" in again.stderr
        assert {path: path.stat().st_mtime_ns for path in old.parent.iterdir()} == first


@pytest.mark.parametrize(
    ("suffix", "start"), [("jpg", b"\xff\xd8"), ("tif", b"II"), ("webp", b"RIFF")]
)
def test_the_format_can_be_chosen(run: Run, old: Path, suffix: str, start: bytes) -> None:
    done = run(PROGRAM, old, "--format", suffix, "--quality", 80)
    assert done.returncode == 0, done.stderr
    assert old.with_name(f"old_colorized.{suffix}").read_bytes().startswith(start)


def test_sixteen_bits_stay_sixteen_and_transparency_stays(
    run: Run, tmp_path: Path, photo: np.ndarray
) -> None:
    deep = photo.astype(np.uint16) * 257 // 3
    alpha = np.full_like(deep, 65535)
    alpha[:100] = 3
    cv2.imwrite(str(tmp_path / "deep.png"), cv2.merge([deep, deep, deep, alpha]))
    done = run(PROGRAM, tmp_path / "deep.png")
    assert done.returncode == 0, done.stderr
    result = cv2.imread(str(tmp_path / "deep_colorized.png"), cv2.IMREAD_UNCHANGED)
    assert result.dtype == np.uint16 and result.shape == (256, 256, 4)
    np.testing.assert_array_equal(cv2.cvtColor(result, cv2.COLOR_BGRA2GRAY), deep)
    np.testing.assert_array_equal(result[..., 3], alpha)


def test_both_devices_write_the_same_picture(run: Run, old: Path, tmp_path: Path) -> None:
    pictures = []
    for device in ("caffe", "opencv"):
        out = tmp_path / f"{device}.png"
        assert run(PROGRAM, old, "--device", device, "-o", out).returncode == 0
        pictures.append(cv2.imread(str(out)).astype(int))
    assert np.abs(pictures[0] - pictures[1]).max() <= 1
    assert (pictures[0] != pictures[1]).mean() < 0.01


@pytest.mark.parametrize("weights", ["paper", "l2"])
def test_other_weights_color_too(run: Run, old: Path, weights: str) -> None:
    done = run(PROGRAM, old, "--weights", f"data/weights/{weights}.caffemodel")
    assert done.returncode == 0, done.stderr
    assert is_colored(cv2.imread(done.stdout.strip()))


def test_a_face_in_the_papers_format_is_colored_as_it_stands(run: Run, tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (64, 64), np.uint8)
    face = cv2.GaussianBlur(noise, (0, 0), 3)
    cv2.imwrite(str(tmp_path / "face.png"), face)
    done = run(PROGRAM, tmp_path / "face.png")
    assert done.returncode == 0, done.stderr
    colored = cv2.imread(done.stdout.strip())
    assert np.ptp(colored.astype(int), axis=2).max() > 5
    np.testing.assert_array_equal(cv2.cvtColor(colored, cv2.COLOR_BGR2GRAY), face)


def test_profile_names_every_stage(run: Run, old: Path) -> None:
    done = run(PROGRAM, old, "--profile")
    for stage in (
        "load the nets",
        "decode",
        "find faces",
        "colour faces",
        "paint",
        "encode, write",
    ):
        assert stage in done.stderr


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["missing.jpg"], "no such file"),
        (["*.nothing"], "matches no picture"),
        (["tests"], "no picture or video"),
        (["-", "--faces-only"], "-o FOLDER"),
        ([HOPPER, "--device", "tpu"], "must be caffe"),
        ([HOPPER, "--device", "gpu"], "GPU"),
        ([HOPPER, "--weights", "README.md"], "README.md"),
        ([HOPPER, "--quality", "101"], "1 to 100"),
        ([HOPPER, "--max-megapixels", "-1"], "positive"),
        ([HOPPER, "--max-megapixels", "0.1"], "megapixels"),
        ([HOPPER, "-o", "README.md/out"], "README.md"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_exit_code_2(
    run: Run, tmp_path: Path, options: list[object], reason: str
) -> None:
    given = options if "-o" in options or "-" in options else [*options, "-o", tmp_path]
    done = run(PROGRAM, *given)
    assert done.returncode == 2
    assert reason in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_ctrl_c_leaves_no_part_of_a_file(tmp_path: Path, photo: np.ndarray) -> None:
    album, out = tmp_path / "album", tmp_path / "out"
    album.mkdir()
    for number in range(200):
        cv2.imwrite(str(album / f"{number:03d}.png"), photo)
    command = [sys.executable, "-m", "colorgan", PROGRAM, str(album), "-o", str(out)]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        child.stdout.readline()  # the first picture is there
        time.sleep(0.3)
        os.kill(child.pid, signal.SIGINT)
        _, errors = child.communicate(timeout=20)
    assert child.returncode == 130
    assert "interrupted" in errors and "Traceback" not in errors
    results = list(out.iterdir())
    assert 1 <= len(results) < 20
    for path in results:
        assert path.name.endswith("_colorized.png")
        assert cv2.imread(str(path)).shape == (256, 256, 3)


def test_a_video_is_colored_and_what_was_in_it_is_reported(
    run: Run, tmp_path: Path, photo: np.ndarray
) -> None:
    film = tmp_path / "film.avi"
    writer = cv2.VideoWriter(str(film), cv2.VideoWriter.fourcc(*"MJPG"), 10, (256, 256))
    for _ in range(5):
        writer.write(cv2.merge([photo] * 3))
    writer.release()
    done = run(PROGRAM, film)
    assert done.returncode == 0, done.stderr
    assert "faces in 5 of 5 frames" in done.stderr and "sound: none" in done.stderr
    assert done.stdout.split() == [str(tmp_path / "film_colorized.mp4")]
    capture = cv2.VideoCapture(done.stdout.strip())
    frames = [capture.read()[1] for _ in range(5)]
    assert is_colored(frames[-1])


def test_what_a_video_cannot_be_made_into_is_one_line(run: Run, tmp_path: Path) -> None:
    (tmp_path / "film.mp4").write_bytes(b"no film")
    for options in ([], ["--grid"], ["--faces-only"]):
        done = run(PROGRAM, tmp_path / "film.mp4", *options)
        assert done.returncode == 2 and "film.mp4" in done.stderr
        assert "Traceback" not in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["film.mp4"]
