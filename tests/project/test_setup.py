"""tools/setup.sh: quick when done, pinned throughout, and clear about what stops it."""

import errno
import fcntl
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
import tomllib
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from conftest import ROOT, skip_in_image


def setup(root: Path, *prefix: str, **environment: object) -> subprocess.CompletedProcess[str]:
    """Run tools/setup.sh of the project at `root`."""
    return subprocess.run(
        [*prefix, "bash", root / "tools/setup.sh"],
        env=os.environ | {key: str(value) for key, value in environment.items()},
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip


@pytest.fixture
def own_project() -> Iterator[Path]:
    """A copy of the files set-up works from, in a folder that every user may write to."""
    skip_in_image()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        shutil.copytree(ROOT / "tools", root / "tools")
        for name in ("requirements.txt", "requirements-dev.txt", "pyproject.toml", "setup.py"):
            shutil.copy(ROOT / name, root / name)
        root.chmod(0o777)
        yield root


def pins(*files: str) -> dict[str, str]:
    """The pinned versions of requirement files; a line that pins nothing fails."""
    lines = [line for file in files for line in (ROOT / file).read_text().splitlines()]
    wanted = [line for line in lines if line and not line.startswith("#")]
    for line in wanted:
        assert re.fullmatch(r"[a-z0-9-]+==[0-9][0-9.]*(\.post[0-9]+)?", line), line
    return dict(line.split("==") for line in wanted)


def test_a_second_set_up_is_silent_and_takes_seconds() -> None:
    start = time.monotonic()
    again = setup(ROOT)
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")
    assert time.monotonic() - start < 10


def test_a_second_set_up_waits_for_the_first_on_nfs_too(
    own_project: Path, locks_of_nfs: dict[str, str]
) -> None:
    lock = os.open(own_project / ".setup.lock", os.O_RDWR | os.O_CREAT)
    fcntl.lockf(lock, fcntl.LOCK_EX)  # what NFS makes of flock
    second = subprocess.Popen(
        ["bash", own_project / "tools/setup.sh"], env=locks_of_nfs | {"CUDA": ""},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    with second:
        try:
            assert second.stderr.readline() == "another set-up is running; waiting for it\n"
            with pytest.raises(subprocess.TimeoutExpired):
                second.wait(0.5)
        finally:
            second.kill()
            os.close(lock)


def test_everything_installed_is_pinned_and_every_pin_is_installed() -> None:
    installed = {
        re.sub(r"[-_.]+", "-", package.metadata["Name"]).lower(): package.version
        for package in importlib.metadata.distributions()
    }
    for unpinned in ("pip", "caffe", "colorgan"):  # the last two are built here
        installed.pop(unpinned)
    assert installed == pins("requirements.txt", "requirements-dev.txt")


def test_every_package_that_colouring_needs_is_pinned() -> None:
    """So that `pip install -c requirements.txt .` takes what is tested, on whatever Python."""
    pinned = pins("requirements.txt")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    waiting, needed = list(project["dependencies"]), set()
    while waiting:
        requirement = Requirement(waiting.pop())
        applies = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        if applies and requirement.name not in needed:
            needed.add(requirement.name)
            version = pinned[requirement.name.replace("_", "-")]
            assert requirement.specifier.contains(version), requirement
            waiting += importlib.metadata.requires(requirement.name) or ()
    assert {"numpy", "starlette", "h11"} <= needed


def test_the_venv_is_of_the_systems_python() -> None:
    assert sys.prefix == str(ROOT / ".venv")
    assert sys.base_prefix == "/usr"


def test_the_venvs_python_starts_in_any_locale_whatever_the_folder_is_called() -> None:
    """Python reads .pth files by the locale, so they name no folder that may have an accent."""
    skip_in_image()
    packages = Path(sysconfig.get_path("purelib"))
    files = {path.name: path.read_text() for path in packages.glob("*.pth")}
    assert any(name.startswith("__editable__.colorgan-") for name in files)
    for text in files.values():
        assert str(ROOT) not in text


def test_the_packages_of_cuda_are_pinned() -> None:
    assert pins("requirements-cuda.txt").keys() >= {"nvidia-cuda-nvcc", "nvidia-cublas"}


def test_a_wrong_value_of_cuda_is_named(own_project: Path) -> None:
    ended = setup(own_project, CUDA="yes")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == "setup.sh: error: CUDA=yes: must be 1, or not set\n"


def tools_without(missing: str, folder: Path) -> Path:
    """A folder for PATH with what set-up runs before it installs packages, but for one tool."""
    folder.mkdir()
    tools = {"apt-get", "bash", "dirname", "dpkg-query", "echo", "flock", "grep", "id", "xargs"}
    for tool in tools - {missing}:
        (folder / tool).symlink_to(shutil.which(tool))
    return folder


@pytest.mark.parametrize("tool", ["apt-get", "dpkg-query"])
def test_without_apt_or_dpkg_setup_says_what_is_needed(tool: str, own_project: Path) -> None:
    ended = setup(own_project, PATH=tools_without(tool, own_project / "bin"))
    assert (ended.returncode, ended.stdout) == (2, ""), ended.stderr
    assert ended.stderr == (
        f"setup.sh: error: {tool} not found, needed for the packages of "
        "tools/caffe/apt-packages.txt: a container of Debian 13 has all\n"
    )
    assert not (own_project / ".venv").exists()


@pytest.mark.parametrize("error", [errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK])
def test_set_up_goes_on_where_the_file_system_has_no_locks(
    error: int, own_project: Path, without_locks: Callable[[int], dict[str, str]]
) -> None:
    """To what stops it next, here that there is no apt-get."""
    path = str(tools_without("apt-get", own_project / "bin"))
    ended = setup(own_project, **without_locks(error) | {"PATH": path})
    told, stopped = ended.stderr.splitlines()
    assert told.startswith(f"no locks on this file system ({os.strerror(error)}): see to it")
    assert stopped.startswith("setup.sh: error: apt-get not found")


@pytest.mark.parametrize("version", [(3, 10), (3, 15)])
def test_a_python_that_the_pins_are_not_for_is_named(
    version: tuple[int, int], own_project: Path, own_mounts: list[str]
) -> None:
    """The system's Python says in a mount namespace that it is another."""
    shutil.copy("/usr/bin/python3", own_project / "python3")
    other = own_project / "other"
    other.write_text(f"""#!/bin/sh
exec {own_project}/python3 -c 'import sys; sys.version_info = {version}; exec(sys.argv[1])' "$2"
""")
    other.chmod(0o755)
    within = 'mount --bind "$0" /usr/bin/python3 && exec "$@"'
    ended = setup(own_project, *own_mounts, "sh", "-c", within, str(other))
    assert (ended.returncode, ended.stdout) == (2, ""), ended.stderr
    assert ended.stderr == (
        f"setup.sh: error: /usr/bin/python3 is {version[0]}.{version[1]}, but 3.11 to 3.14 is "
        "needed: a container of Debian 13 has it\n"
    )
    assert not (own_project / ".venv").exists()


def test_missing_packages_are_named_where_they_cannot_be_installed(own_project: Path) -> None:
    """Neither root nor sudo, and dpkg's records without two packages of the list."""
    records = own_project / "dpkg"
    (records / "updates").mkdir(parents=True)
    status = Path("/var/lib/dpkg/status").read_text()
    for package in ("cmake", "liblmdb-dev"):
        status, count = re.subn(rf"(?ms)^Package: {package}\n.*?\n\n", "", status)
        assert count == 1
    (records / "status").write_text(status)
    (records / "info").symlink_to("/var/lib/dpkg/info")
    as_nobody = ["/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    ended = setup(
        own_project, *(as_nobody if os.geteuid() == 0 else []),
        PATH=tools_without("sudo", own_project / "bin"), DPKG_ADMINDIR=records,
    )  # fmt: skip
    assert (ended.returncode, ended.stdout) == (2, ""), ended.stderr
    assert ended.stderr == (
        "setup.sh: error: run as root first: apt-get install cmake liblmdb-dev\n"
    )
    assert not (own_project / ".venv").exists()


def own_apt(folder: Path) -> Path:
    """A configuration of apt with lists of its own, and no source of packages."""
    (folder / "lists" / "partial").mkdir(parents=True)
    (folder / "apt.conf").write_text(f"""Dir::State::lists "{folder}/lists";
Dir::Etc::sourcelist "/dev/null";
Dir::Etc::sourceparts "/dev/null";
""")
    return folder / "apt.conf"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may run apt-get update")
def test_set_up_waits_for_another_apt_get(own_project: Path) -> None:
    """As a machine's daily one; apt then says that it knows no such package, which ends the run."""
    configuration = own_apt(own_project / "apt")
    with (own_project / "tools/caffe/apt-packages.txt").open("a") as packages:
        packages.write("no-such-package\n")
    with (own_project / "apt/lists/lock").open("w") as lock:
        fcntl.lockf(lock, fcntl.LOCK_EX)
        running = subprocess.Popen(
            ["bash", own_project / "tools/setup.sh"],
            env=os.environ | {"APT_CONFIG": str(configuration)}, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert running.stderr is not None
        assert running.stderr.readline() == "installing Debian packages: no-such-package\n"
        assert running.stderr.readline() == "another apt-get is running; waiting for it\n"
        fcntl.lockf(lock, fcntl.LOCK_UN)
        assert running.communicate(timeout=60)[1].splitlines() == [
            "E: Unable to locate package no-such-package",
            "setup.sh: error: cannot install Debian packages; by hand, as root: "
            "apt-get install no-such-package",
        ]
    assert running.returncode == 2


def test_a_python_package_that_cannot_be_had_ends_set_up_with_one_line(own_project: Path) -> None:
    (own_project / "requirements.txt").write_text("no-such-package==1.2.3\n")
    offline = {"PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull, "PIP_FIND_LINKS": own_project}
    ended = setup(own_project, **offline)
    assert (ended.returncode, ended.stdout) == (2, ""), ended.stderr
    *progress, error = ended.stderr.splitlines()
    assert progress == [
        "making .venv from /usr/bin/python3",
        "installing pinned Python packages",
    ]
    assert error.startswith("setup.sh: error: pip: ERROR: ")
    assert "no-such-package==1.2.3" in error
    assert not (own_project / ".venv" / ".setup-stamp").exists()


def test_where_pip_gives_no_error_line_its_last_line_is_shown(own_project: Path) -> None:
    """As where its settings are wrong, and under the traceback of a line that times out."""
    ended = setup(own_project, PIP_TIMEOUT="soon")
    assert (ended.returncode, ended.stdout) == (2, "")
    told = "configuration: option timeout: invalid floating-point value: 'soon' (check the"
    assert told in ended.stderr.splitlines()[-1]


def test_a_users_pip_settings_do_not_lead_packages_elsewhere(own_project: Path) -> None:
    """Nor refuse them, without a HOME; the set-up here ends when it comes to Caffe."""
    with zipfile.ZipFile(own_project / "tiny-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("tiny.py", "")
        told = "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n"
        wheel.writestr("tiny-1.0.dist-info/METADATA", told)
        wheel.writestr("tiny-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        wheel.writestr("tiny-1.0.dist-info/RECORD", "")
    for name in ("requirements.txt", "requirements-dev.txt"):
        (own_project / name).write_text("tiny==1.0\n")
    see_home = '[ "$HOME" = "$(getent passwd "$(id -u)" | cut -d: -f6)" ] && exit 7\n'
    (own_project / "tools/build_caffe.sh").write_text(f"#!/bin/sh\n{see_home}")
    (own_project / "pip.conf").write_text(f"""[global]
require-virtualenv = true
[install]
user = true
require-hashes = true
target = {own_project}/elsewhere
""")
    offline = {"PIP_NO_INDEX": 1, "PIP_FIND_LINKS": own_project, "PYTHONWARNINGS": "error"}
    ended = setup(own_project, PIP_CONFIG_FILE=own_project / "pip.conf", HOME="", **offline)
    assert ended.returncode == 7, ended.stderr
    assert len(list(own_project.glob(".venv/lib/python3*/site-packages/tiny.py"))) == 1


@pytest.mark.parametrize("script", ["setup", "reproduce", "test"])
def test_scripts_that_are_started_by_sh_go_on_in_bash(script: str, own_project: Path) -> None:
    ended = subprocess.run(
        ["sh", own_project / f"tools/{script}.sh"], env=os.environ | {"CUDA": "no"},
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == "setup.sh: error: CUDA=no: must be 1, or not set\n"


def test_a_clone_with_the_line_ends_of_windows_has_scripts_that_run(tmp_path: Path) -> None:
    """As git for Windows makes it, for a WSL or a container that sees the same folder."""
    if not (ROOT / ".git").exists():
        pytest.skip("only a clone has a history")
    git = ["git", "-c", "safe.directory=*"]
    clone = [*git, "clone", "--quiet", "--config", "core.autocrlf=true", ROOT, tmp_path / "clone"]
    subprocess.run(clone, check=True, capture_output=True, timeout=120)
    for file in (tmp_path / "clone").rglob("*"):
        if file.suffix in (".sh", ".patch", ".toml", ".prototxt"):
            assert b"\r" not in file.read_bytes(), file
