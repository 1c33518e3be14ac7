"""The images' parts that can be tried without an engine; tools/check_docker.sh tries the image."""

import os
import platform
import re
import shutil
import signal
import subprocess
import tempfile
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from colorgan import __version__
from colorgan.nets.runtime import load_caffe
from conftest import ROOT
from programs import run_program

ENTRY_POINT = ROOT / "tools/docker/entrypoint.sh"
DOCKERFILE = ROOT / "Dockerfile"


@pytest.fixture
def folder() -> Iterator[Path]:
    """A working folder that every user may come to."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def start(folder: Path, *words: str) -> subprocess.Popen[str]:
    """Start the entry point in `folder`, as a container does in /runs."""
    return subprocess.Popen(
        [ENTRY_POINT, *words], cwd=folder, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def enter(folder: Path, *words: str) -> tuple[int, str, str]:
    """Run the entry point to its end: exit code, standard output, standard error."""
    with start(folder, *words) as process:
        output, errors = process.communicate(timeout=60)
    return process.returncode, output, errors


def stages() -> dict[str, str]:
    """The Dockerfile's stages in order, each with its base and instructions, without comments."""
    text = re.sub(r"(?m)^#.*\n", "", DOCKERFILE.read_text())
    parts = re.split(r"(?m)^FROM (\S+) AS (\S+)\n", text)[1:]
    return {
        name: f"{base}\n{body}"
        for base, name, body in zip(parts[::3], parts[1::3], parts[2::3], strict=True)
    }


def arguments() -> dict[str, str]:
    return dict(re.findall(r"(?m)^ARG (\w+)=(\S+)$", DOCKERFILE.read_text()))


def test_help_is_that_of_the_command_line(folder: Path) -> None:
    code, output, _ = enter(folder, "--help")
    assert (code, output) == (0, run_program("--help").stdout)


def test_a_command_that_is_none_ends_in_one_line(folder: Path) -> None:
    code, output, errors = enter(folder, "paint", "--out", "x")
    assert (code, output) == (2, "")
    assert errors == "colorgan: error: paint: no such command; colorgan --help lists them\n"


def test_options_alone_are_for_the_main_job(folder: Path) -> None:
    code, _, errors = enter(folder, "--fast")
    assert (code, errors) == (2, "reproduce.sh: error: --fast: unknown; the one option is --full\n")
    code, output, _ = enter(folder, "reproduce", "--help")
    assert code == 0
    assert "ITERATIONS=n" in output


def test_arguments_and_exit_codes_pass_through(folder: Path) -> None:
    code, output, errors = enter(folder, "colorize", "not here.jpg", "--format", "png")
    assert (code, output) == (2, "")
    assert "not here.jpg" in errors


@pytest.mark.parametrize("mpirun", ["mpirun", "mpirun.openmpi"])
def test_mpirun_starts_the_programs(
    folder: Path, mpirun: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if mpirun != "mpirun" and shutil.which(mpirun) is None:
        pytest.skip(f"no {mpirun}: apt-get install openmpi-bin")
    for name in ("OMPI_ALLOW_RUN_AS_ROOT", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"):  # as in the image
        monkeypatch.setenv(name, "1")
    code, output, errors = enter(folder, mpirun, "-n", "2", "colorgan", "--version")
    assert (code, output, errors) == (0, f"colorgan {__version__}\n", "")


def test_the_command_takes_the_entry_points_place_and_gets_its_signals(folder: Path) -> None:
    with start(folder, "demo", "--port", "0") as process:
        assert process.stdout.readline().startswith("http://")
        command = Path(f"/proc/{process.pid}/cmdline").read_bytes().split(b"\0")
        assert (command[1].rpartition(b"/")[2], command[2]) == (b"colorgan", b"demo")
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_root_becomes_the_folders_owner_without_privileges(folder: Path) -> None:
    os.chown(folder, 54321, 54322)
    with start(folder, "demo", "--port", "0") as process:
        assert process.stdout.readline().startswith("http://"), process.stderr.read()
        status = Path(f"/proc/{process.pid}/status").read_text()
        process.terminate()
        process.communicate(timeout=20)
    fields = dict(re.findall(r"(?m)^(\w+):[ \t]*(.*)$", status))
    assert set(fields["Uid"].split()) == {"54321"}
    assert set(fields["Gid"].split()) == {"54322"}
    assert fields["Groups"].strip() == ""
    assert {int(fields[name], 16) for name in ("CapPrm", "CapEff", "CapInh", "CapBnd")} == {0}
    assert fields["NoNewPrivs"] == "1"


@pytest.mark.skipif(os.geteuid() != 0, reason="it is root's capabilities that are dropped")
def test_root_in_roots_folder_keeps_no_capability(folder: Path) -> None:
    with start(folder, "demo", "--port", "0") as process:
        assert process.stdout.readline().startswith("http://"), process.stderr.read()
        status = Path(f"/proc/{process.pid}/status").read_text()
        process.terminate()
        process.communicate(timeout=20)
    assert re.search(r"(?m)^CapEff:\t0+$", status)


def test_bases_are_pinned_and_the_cpu_image_needs_no_cuda() -> None:
    pinned = arguments()
    assert pinned["DEBIAN"] == "debian:bookworm-slim"
    assert re.fullmatch(r"nvidia/cuda:12\.\d+\.\d+-cudnn-devel-ubuntu22\.04", pinned["CUDA"])
    bases = {name: text.split("\n", 1)[0] for name, text in stages().items()}
    for base in bases.values():
        assert base in bases or base in {"${DEBIAN}", "${CUDA}"}, base
    # The classic builder makes every stage that stands before the one that is asked for.
    names = list(bases)
    assert [name for name in names if bases[name] == "${CUDA}"] == names[names.index("cpu") + 1 :][
        :1
    ]


def test_the_image_is_labelled_with_the_projects_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    labels = dict(
        re.findall(r'org\.opencontainers\.image\.(\w+)="([^"]*)"', DOCKERFILE.read_text())
    )
    assert labels["version"] == __version__
    assert labels["title"] == project["name"]
    assert labels["description"] == project["description"]
    assert labels["licenses"] == project["license"]


def runtime_packages() -> set[str]:
    """The Debian packages that the image installs by name."""
    return set(re.findall(r"(?m)^ {4}([a-z][\w.+-]*) \\$", stages()["runtime"]))


def test_the_image_installs_no_compiler() -> None:
    tool = re.compile(
        r".*-dev|build-essential|cmake|make|binutils|protobuf-compiler|(g\+\+|gcc|clang).*"
    )
    assert not [package for package in runtime_packages() if tool.fullmatch(package)]


@pytest.mark.skipif(not shutil.which("readelf"), reason="no readelf: apt-get install binutils")
def test_the_image_installs_exactly_the_libraries_that_caffe_names() -> None:
    release = platform.freedesktop_os_release().get("VERSION_CODENAME")
    if f"debian:{release}-slim" != arguments()["DEBIAN"]:
        pytest.skip(f"{release} calls its libraries other names than the image's Debian does")
    named, found = set(), {}
    for library in Path(load_caffe().__file__).parent.glob("*.so*"):
        named |= set(re.findall(r"\(NEEDED\).*\[(.*)\]", output_of("readelf", "-d", library)))
        found |= re.findall(r"(?m)^\s*(\S+) => (/\S+)", output_of("ldd", library))
    paths = [
        os.path.realpath(found[name]) for name in named if "caffe" not in found.get(name, "caffe")
    ]
    owners = {owner(path) for path in paths}
    libraries = runtime_packages() - {"openmpi-bin", "python3", "tini"}
    assert owners - {"libc6", "libgcc-s1", "libstdc++6"} == libraries


def output_of(*command: object) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def owner(path: str) -> str:
    """The Debian package that a file is of; dpkg knows some files by where they lay before /usr."""
    for name in (path, path.removeprefix("/usr")):
        known = subprocess.run(["dpkg", "-S", name], capture_output=True, text=True, check=False)
        if known.returncode == 0:
            return known.stdout.split(":")[0]
    raise AssertionError(f"no package has {path}")


def test_set_up_finds_its_files_in_the_stage_that_runs_it() -> None:
    """What tools/setup.sh and tools/build_caffe.sh name below the project, but for --check's."""
    copied = [
        word.rstrip("/")
        for line in re.findall(r"(?m)^COPY (?!--from)(.*)$", stages()["setup"])
        for word in line.split()[:-1]
    ]
    scripts = "".join(
        (ROOT / "tools" / name).read_text() for name in ("setup.sh", "build_caffe.sh")
    )
    named = set(
        re.findall(r"(?:requirements[\w-]*\.txt|pyproject\.toml|tools/[\w./-]*\w)", scripts)
    )
    files = {name for name in named if (ROOT / name).is_file()}
    assert {"requirements.txt", "requirements-dev.txt", "tools/caffe/common.sh"} <= files
    for name in files:
        assert any(fnmatchcase(name, part) or name.startswith(f"{part}/") for part in copied), name


def is_ignored(path: str) -> bool:
    """What .dockerignore says of a file: its last pattern that has the file or a folder of it."""
    ignored = False
    places = [path, *map(str, Path(path).parents)]
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        if line and not line.startswith("#"):
            pattern = line.removeprefix("!")
            names = [name for name in places if name != "."]
            if pattern.startswith("**/"):
                names, pattern = [Path(name).name for name in names], pattern.removeprefix("**/")
            if any(
                name.count("/") == pattern.count("/") and fnmatchcase(name, pattern)
                for name in names
            ):
                ignored = not line.startswith("!")
    return ignored


@pytest.mark.skipif(
    not (ROOT / ".git").exists() or not shutil.which("git"), reason="no git, or no checkout of it"
)
def test_the_build_context_has_what_is_committed() -> None:
    committed = output_of("git", "-C", ROOT, "ls-files").splitlines()
    left_out = {name for name in committed if is_ignored(name)}
    assert left_out == {".ci/run", ".gitignore"}


@pytest.mark.parametrize(
    "path",
    [
        ".git/config",
        ".venv/bin/python",
        "runs/reproduce/report.html",
        "data/celeba/train_lmdb/data.mdb",
        "data/sample/manifest.json",
        "python/colorgan/nets/__pycache__/runtime.cpython-311.pyc",
        "python/colorgan.egg-info/PKG-INFO",
        ".pytest_cache/README.md",
    ],
)
def test_the_build_context_has_nothing_personal_and_nothing_built(path: str) -> None:
    assert is_ignored(path)
