"""Programs as a user runs them, each in a process of its own; the commands without waiting.

To start Python and import what a command imports takes longer than most of the commands that the
tests run. So their processes are forked from one that has imported all of it.
"""

import os
import pkgutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from multiprocessing import get_context
from multiprocessing.context import ForkServerContext
from multiprocessing.forkserver import ensure_running
from pathlib import Path

import pytest

import colorgan
from colorgan.commands.front_door import main
from colorgan.places import ROOT


def run_python(*words: object, **options: object) -> subprocess.CompletedProcess[str]:
    """Run Python; its output is kept, its exit code not judged."""
    command = [sys.executable, *map(str, words)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, **options)


def run_program(*words: object) -> subprocess.CompletedProcess[str]:
    """Run `colorgan COMMAND`; its output is kept, its exit code not judged."""
    with tempfile.TemporaryDirectory() as folder:
        printed = [Path(folder, name) for name in ("stdout", "stderr")]
        arguments = [*map(str, words)], printed, dict(os.environ)
        process = _forks().Process(target=_become_program, args=arguments)
        process.start()
        process.join()
        texts = [path.read_text() for path in printed]
    return subprocess.CompletedProcess(["colorgan", *words], process.exitcode, *texts)


def wait_until(condition: Callable[[], bool], seconds: float = 30) -> None:
    """Wait; it is a failure where the condition does not come about in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def below(pid: int) -> list[int]:
    """The processes that `pid` has started, and those that they have."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in children] + [
        pid for child in children for pid in below(int(child))
    ]


def alive(pid: int) -> bool:
    """Whether a process runs, and has not only left its exit code."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@cache
def _forks() -> ForkServerContext:
    """What forks processes from one that has imported everything but what only tests import."""
    context = get_context("forkserver")
    modules = [module.name for module in pkgutil.walk_packages(colorgan.__path__, "colorgan.")]
    modules.remove("colorgan.__main__")
    context.set_forkserver_preload(["caffe", *modules])
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("GLOG_minloglevel", "2")  # which Caffe reads once, as it is imported
        ensure_running()
    return context


def _become_program(
    words: Sequence[str], printed: Sequence[Path], environment: Mapping[str, str]
) -> None:
    """Be `colorgan COMMAND`, to the end of this process, with this environment."""
    for number, path in enumerate(printed, 1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), number)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(ROOT)
    sys.argv = ["colorgan", *words]
    sys.exit(main(words))
