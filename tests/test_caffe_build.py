"""The Caffe that tools/build_caffe.sh makes, and how that script ends when it cannot make it."""

import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from colorgan.caffe_runtime import load_caffe

ROOT = Path(__file__).resolve().parents[1]
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "colorgan" / "caffe"


def caffe_folder() -> Path:
    return Path(load_caffe().__file__).parent


def build_caffe(
    cache: Path, *options: str, root: Path = ROOT, **environment: object
) -> subprocess.CompletedProcess[str]:
    """Run tools/build_caffe.sh of the project at `root` with its cache under `cache`."""
    given = {k: v for k, v in os.environ.items() if k != "CAFFE_TARBALL"}
    own = {"XDG_CACHE_HOME": str(cache)} | {k: str(v) for k, v in environment.items()}
    return subprocess.run(
        ["bash", root / "tools/build_caffe.sh", *options],
        env=given | own, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip


def assert_ends_with_one_line(ended: subprocess.CompletedProcess[str], *parts: str) -> None:
    """Exit code 2, nothing on standard output, and one line of error that has all of `parts`."""
    assert (ended.returncode, ended.stdout) == (2, ""), ended.stderr
    errors = [line for line in ended.stderr.splitlines() if "error:" in line]
    assert errors == ended.stderr.splitlines()[-1:]
    assert errors[0].startswith("build_caffe.sh: error: ")
    for part in parts:
        assert part in errors[0]


def built_things(cache: Path) -> list[Path]:
    """Wheels, tarballs and work folders below a cache: what an ended build must not leave."""
    kept_by_design = {"colorgan", "caffe", "lock", "build.log"}
    return [path for path in cache.rglob("*") if path.name not in kept_by_design]


@pytest.fixture
def cached_build() -> Path:
    """The cache's folder of the wheel that is installed."""
    build = CACHE / json.loads((caffe_folder() / "build.json").read_text())["key"]
    if not list(build.glob("*.whl")):
        pytest.skip(f"the installed Caffe's wheel is not in {CACHE}")
    return build


@pytest.fixture
def source_tarball() -> Path:
    """Caffe's source, as the build downloaded it."""
    tarballs = list(CACHE.glob("*.orig.tar.gz"))
    if not tarballs:
        pytest.skip(f"no Caffe source in {CACHE}: it was built from CAFFE_TARBALL")
    return tarballs[0]


@pytest.fixture
def no_network(tmp_path: Path) -> Path:
    """An apt configuration (for APT_CONFIG) that reaches no archive."""
    config = tmp_path / "apt.conf"
    config.write_text("".join(
        f'Acquire::{scheme}::Proxy "http://127.0.0.1:9";\n' for scheme in ("http", "https")
    ))  # fmt: skip
    return config


@pytest.fixture
def own_cache(tmp_path: Path, cached_build: Path) -> Path:
    """A cache for XDG_CACHE_HOME that holds the installed Caffe's wheel and no source."""
    cache = tmp_path / "cache" / "colorgan" / "caffe"
    cache.mkdir(parents=True)
    (cache / cached_build.name).symlink_to(cached_build)
    return tmp_path / "cache"


@pytest.fixture
def own_tools(tmp_path: Path) -> Path:
    """A project folder with a copy of tools/ that a test may change."""
    root = tmp_path / "project"
    shutil.copytree(ROOT / "tools", root / "tools")
    (root / ".venv").symlink_to(sys.prefix)
    return root


# The build itself


def test_caffe_links_one_python_and_nothing_that_was_left_out() -> None:
    libraries = sorted(caffe_folder().glob("*.so*"))
    assert [file.name for file in libraries] == ["_caffe.so", "libcaffe.so.1.0.0"]
    for file in libraries:
        linked = subprocess.run(["ldd", file], capture_output=True, text=True, check=True).stdout
        assert not re.search(r"libpython|opencv|leveldb|snappy|not found", linked), linked
        assert "libopenblas" in linked
    linked = subprocess.run(["ldd", libraries[0]], capture_output=True, text=True, check=True)
    assert f"libcaffe.so.1.0.0 => {libraries[1]}" in linked.stdout


def test_every_layer_that_needs_no_opencv_is_there() -> None:
    layers = set(load_caffe().layer_type_list())
    assert len(layers) == 59
    assert {"Data", "HDF5Data", "HDF5Output", "MemoryData", "Python"} <= layers
    assert not {"ImageData", "WindowData"} & layers  # these two read images with OpenCV


def test_parameters_survive_hdf5(tmp_path: Path) -> None:
    prototxt = tmp_path / "net.prototxt"
    prototxt.write_text("""
        layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 2 dim: 3 } } }
        layer { name: "ip" type: "InnerProduct" bottom: "x" top: "ip"
                inner_product_param { num_output: 4 weight_filler { type: "xavier" } } }""")
    caffe = load_caffe()
    saved, loaded = (caffe.Net(str(prototxt), caffe.TEST) for _ in range(2))
    saved.params["ip"][0].data[...] = np.arange(12).reshape(4, 3)
    saved.save_hdf5(str(tmp_path / "weights.h5"))
    loaded.load_hdf5(str(tmp_path / "weights.h5"))
    np.testing.assert_array_equal(
        loaded.params["ip"][0].data, np.arange(12, dtype=np.float32).reshape(4, 3)
    )


def test_a_datum_keeps_an_image_and_gives_it_back_writable() -> None:
    io = load_caffe().io
    image = np.arange(60, dtype=np.uint8).reshape(3, 4, 5)
    back = io.datum_to_array(io.array_to_datum(image, label=7))
    np.testing.assert_array_equal(back, image)
    back += 1


def test_caffes_own_python_tests_pass() -> None:
    """All but test_draw: it draws the nets of Caffe's source tree with pydot; we have neither."""
    tests = caffe_folder() / "test"
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-m", "pytest", "-q", "-p", "no:cacheprovider",
         "--rootdir", tests, "-c", os.devnull, "--ignore", tests / "test_draw.py", tests],
        env=os.environ | {"GLOG_minloglevel": "2", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert re.search(r"^51 passed in", ran.stdout, re.MULTILINE), ran.stdout


# The cache


def test_a_cached_wheel_is_printed_and_not_built_again(
    own_cache: Path, cached_build: Path, no_network: Path
) -> None:
    again = build_caffe(own_cache, APT_CONFIG=no_network)
    assert (again.returncode, again.stderr) == (0, "")
    (wheel,) = Path(again.stdout.strip()).parent.resolve().glob("*.whl")
    assert wheel.parent == cached_build


def test_a_changed_patch_makes_another_wheel(
    own_cache: Path, own_tools: Path, no_network: Path, source_tarball: Path
) -> None:
    """The copy is served from the cache; with one patch changed it builds, and fails to patch."""
    served = build_caffe(own_cache, root=own_tools, APT_CONFIG=no_network)
    assert (served.returncode, served.stderr) == (0, "")
    before = built_things(own_cache)

    patch = own_tools / "tools/caffe/patches/0001-protobuf-byte-limit.patch"
    patch.write_text(patch.read_text().replace("-  coded_input->", "-  coded_output->"))
    ended = build_caffe(own_cache, root=own_tools, CAFFE_TARBALL=source_tarball)
    assert (ended.returncode, ended.stdout) == (2, "")
    last = ended.stderr.splitlines()[-1]
    assert f"cannot apply {patch.name}" in last
    log = own_cache / "colorgan" / "caffe" / "build.log"
    assert str(log) in last
    assert "FAILED" in log.read_text()
    assert built_things(own_cache) == before


def test_a_second_build_waits_for_the_first(tmp_path: Path) -> None:
    cache = tmp_path / "colorgan" / "caffe"
    cache.mkdir(parents=True)
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        second = subprocess.Popen(
            ["bash", ROOT / "tools/build_caffe.sh"], env=os.environ | {"XDG_CACHE_HOME": tmp_path},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        with second:
            try:
                assert "waiting" in second.stderr.readline()
                with pytest.raises(subprocess.TimeoutExpired):
                    second.wait(1)
            finally:
                second.kill()
                fcntl.flock(lock, fcntl.LOCK_UN)
    assert built_things(tmp_path) == []


# What can go wrong


def test_a_missing_tarball_is_named(tmp_path: Path) -> None:
    ended = build_caffe(tmp_path, CAFFE_TARBALL=tmp_path / "nowhere.tar.gz")
    assert_ends_with_one_line(ended, "nowhere.tar.gz: no such file")
    assert built_things(tmp_path) == []


def test_a_tarball_with_the_wrong_checksum_is_refused(tmp_path: Path) -> None:
    tarball = tmp_path / "other.tar.gz"
    tarball.write_bytes(b"not the source")
    ended = build_caffe(tmp_path / "cache", CAFFE_TARBALL=tarball)
    assert_ends_with_one_line(ended, "other.tar.gz: sha256 is not", "caffe_1.0.0+git20180821")
    assert not (tmp_path / "cache").exists()


def test_a_truncated_tarball_is_refused(tmp_path: Path, source_tarball: Path) -> None:
    tarball = tmp_path / "cut.tar.gz"
    tarball.write_bytes(source_tarball.read_bytes()[:-1])
    ended = build_caffe(tmp_path / "cache", CAFFE_TARBALL=tarball)
    assert_ends_with_one_line(ended, "cut.tar.gz: sha256 is not")
    assert not (tmp_path / "cache").exists()


def test_a_damaged_tarball_in_the_cache_is_not_used_and_no_network_is_told(
    tmp_path: Path, no_network: Path
) -> None:
    cache = tmp_path / "cache" / "colorgan" / "caffe"
    cache.mkdir(parents=True)
    damaged = cache / "caffe_1.0.0+git20180821.99bd997.orig.tar.gz"
    damaged.write_bytes(b"cut off")
    ended = build_caffe(tmp_path / "cache", APT_CONFIG=no_network)
    assert_ends_with_one_line(ended, "cannot fetch", "caffe=1.0.0", "network", "CAFFE_TARBALL")
    assert "127.0.0.1" in (cache / "build.log").read_text()
    assert built_things(tmp_path / "cache") == [damaged]


def test_a_missing_compiler_is_named_with_the_remedy(tmp_path: Path) -> None:
    """Show the script dpkg's own records without the package that brings the compiler."""
    status = Path("/var/lib/dpkg/status").read_text()
    shutil.copytree("/var/lib/dpkg/info", tmp_path / "dpkg" / "info", copy_function=os.symlink)
    (tmp_path / "dpkg" / "updates").mkdir()
    without, count = re.subn(r"(?ms)^Package: build-essential\n.*?\n\n", "", status)
    assert count == 1
    (tmp_path / "dpkg" / "status").write_text(without)
    ended = build_caffe(tmp_path / "cache", DPKG_ADMINDIR=tmp_path / "dpkg")
    assert_ends_with_one_line(ended, "missing (build-essential)", "bash tools/setup.sh")
    assert not (tmp_path / "cache").exists()


def test_a_missing_venv_is_named_with_the_remedy(tmp_path: Path, own_tools: Path) -> None:
    (own_tools / ".venv").unlink()
    ended = build_caffe(tmp_path / "cache", root=own_tools)
    assert_ends_with_one_line(ended, ".venv/bin/python cannot import", "bash tools/setup.sh")


def test_a_cache_that_cannot_be_written_is_named() -> None:
    ended = build_caffe(Path("/proc/no-such-folder"))
    assert_ends_with_one_line(ended, "cannot write to /proc/no-such-folder", "XDG_CACHE_HOME")


def test_an_unknown_option_is_named(tmp_path: Path) -> None:
    assert_ends_with_one_line(build_caffe(tmp_path, "--chek"), "--chek", "--check")


def test_a_full_disk_is_told_before_the_build(tmp_path: Path) -> None:
    own_mounts = ["unshare", "--mount", "--map-root-user"]
    if subprocess.run([*own_mounts, "true"], capture_output=True, check=False).returncode:
        pytest.skip("mount namespaces are not allowed here")
    small = f"mount -t tmpfs -o size=20m tmpfs {tmp_path} && exec bash {ROOT}/tools/build_caffe.sh"
    ended = subprocess.run(
        [*own_mounts, "bash", "-c", small], env=os.environ | {"XDG_CACHE_HOME": tmp_path},
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert_ends_with_one_line(ended, "MiB free", "needs 300")
