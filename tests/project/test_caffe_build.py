"""The Caffe that tools/build_caffe.sh makes, and how that script ends when it cannot make it.

No test compiles CUDA: what the script finds out about a toolkit is tried on stand-ins for one.
"""

import fcntl
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from colorgan.nets.runtime import load_caffe
from conftest import ROOT, skip_in_image

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "colorgan" / "caffe"


def caffe_folder() -> Path:
    return Path(load_caffe().__file__).parent


def build_caffe(
    cache: Path, *options: str, root: Path = ROOT, prefix: Sequence[str] = (), **environment: object
) -> subprocess.CompletedProcess[str]:
    """Run tools/build_caffe.sh of the project at `root` with its cache under `cache`.

    `prefix` is a command that runs it.
    """
    skip_in_image()
    given = {k: v for k, v in os.environ.items() if k != "CAFFE_TARBALL"}
    own = {"XDG_CACHE_HOME": str(cache)} | {k: str(v) for k, v in environment.items()}
    return subprocess.run(
        [*prefix, "bash", root / "tools/build_caffe.sh", *options],
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


# The cards that `nvcc --list-gpu-code` lists (asked of 13.0; of the others, as documented).
CARDS = {
    "11.8.89": [35, 37, 50, 52, 53, 60, 61, 62, 70, 72, 75, 80, 86, 87, 89, 90],
    "12.4.131": [50, 52, 53, 60, 61, 62, 70, 72, 75, 80, 86, 87, 89, 90],
    "12.9.86": [50, 52, 53, 60, 61, 62, 70, 72, 75, 80, 86, 87, 89, 90, 100, 101, 103, 120, 121],
    "13.0.88": [75, 80, 86, 87, 88, 89, 90, 100, 110, 103, 120, 121],
}


def make_toolkit(
    folder: Path, cuda: str = "12.4.131", cudnn: str = "9.1.0", newest_gxx: int = 99
) -> Path:
    """Make a stand-in for a CUDA toolkit: a compiler that answers questions, and headers."""
    (folder / "bin").mkdir(parents=True)
    nvcc = folder / "bin" / "nvcc"
    nvcc.write_text(f"""#!/bin/sh
case "$*" in
  --version) echo "Cuda compilation tools, release {cuda.rpartition(".")[0]}, V{cuda}" ;;
  --list-gpu-code) printf "sm_%s\\n" {" ".join(map(str, CARDS.get(cuda, [61])))} ;;
  --dryrun*) echo "#$ TOP={folder}/bin/.." >&2 ;;
  "-ccbin "*) [ "$("$2" -dumpversion)" -le {newest_gxx} ] ;;
  *) echo "unexpected: $*" >&2; exit 1 ;;
esac
""")
    nvcc.chmod(0o755)
    include = folder / "include"
    include.mkdir()
    (include / "cublas_v2.h").touch()
    for header, prefix, version in (
        ("cublas_api.h", "CUBLAS_VER", f"{cuda}.1"), ("curand.h", "CURAND_VER", "10.3.5.147"),
        ("cudnn_version.h", "CUDNN", cudnn),
    ):  # fmt: skip
        parts = ["MAJOR", "MINOR", "PATCHLEVEL" if prefix == "CUDNN" else "PATCH", "BUILD"]
        lines = zip(parts, version.split("."), strict=False)
        text = "".join(f"#define {prefix}_{name} {number}\n" for name, number in lines)
        (include / header).write_text(text)
    return folder


def ask_cuda(question: str, **environment: object) -> subprocess.CompletedProcess[str]:
    """Run functions of tools/caffe/cuda.sh once it has found the CUDA that `environment` gives."""
    skip_in_image()
    script = f"""set -euo pipefail
        root={ROOT} python={sys.executable} caller_path=$PATH PATH=/usr/bin:/bin
        source "$root/tools/caffe/common.sh"
        source "$root/tools/caffe/cuda.sh"
        find_cuda
        {question}"""
    given = {k: v for k, v in os.environ.items() if k not in ("CUDA_HOME", "CUDNN_ROOT")}
    own = {key: str(value) for key, value in environment.items()}
    return subprocess.run(
        ["bash", "-c", script, "build_caffe.sh"],
        env=given | own, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


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


def test_caffes_own_python_tests_pass(tmp_path: Path) -> None:
    """All but test_draw: it draws the nets of Caffe's source tree with pydot; we have neither."""
    tests = caffe_folder() / "test"
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-m", "pytest", "-q", "-p", "no:cacheprovider",
         "--rootdir", tests, "-c", os.devnull, "--ignore", tests / "test_draw.py", tests],
        env=os.environ | {"GLOG_minloglevel": "2", "PYTHONDONTWRITEBYTECODE": "1"},
        cwd=tmp_path,  # they write snapshots
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


def test_a_wheel_for_cpus_is_not_given_out_as_one_for_cuda(
    own_cache: Path, tmp_path: Path, no_network: Path
) -> None:
    toolkit = make_toolkit(tmp_path / "toolkit")
    ended = build_caffe(own_cache, "--cuda", CUDA_HOME=toolkit, APT_CONFIG=no_network)
    assert_ends_with_one_line(ended, "cannot fetch source package caffe")


def test_a_second_build_waits_for_the_first(tmp_path: Path) -> None:
    skip_in_image()
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


def test_a_damaged_tarball_in_the_cache_is_not_used_and_a_missing_network_is_reported(
    tmp_path: Path, no_network: Path
) -> None:
    cache = tmp_path / "cache" / "colorgan" / "caffe"
    cache.mkdir(parents=True)
    damaged = cache / "caffe_1.0.0+git20180821.99bd997.orig.tar.gz"
    damaged.write_bytes(b"cut off")
    ended = build_caffe(tmp_path / "cache", APT_CONFIG=no_network)
    assert_ends_with_one_line(ended, "cannot fetch source package", "network", "CAFFE_TARBALL")
    assert "127.0.0.1" in (cache / "build.log").read_text()
    assert built_things(tmp_path / "cache") == [damaged]


def test_on_ubuntu_the_source_is_asked_of_ubuntus_archive(
    tmp_path: Path, no_network: Path, own_mounts: list[str]
) -> None:
    """Also on a system that is built on Ubuntu; in a mount namespace, this machine is one."""
    codename = platform.freedesktop_os_release()["VERSION_CODENAME"]
    release = tmp_path / "os-release"
    release.write_text(f"ID=mint\nVERSION_CODENAME=wilma\nUBUNTU_CODENAME={codename}\n")
    within = ["sh", "-c", 'mount --bind "$0" /etc/os-release && exec "$@"', str(release)]
    ended = build_caffe(tmp_path / "cache", prefix=[*own_mounts, *within], APT_CONFIG=no_network)
    assert_ends_with_one_line(ended, "cannot fetch source package caffe of focal (tried: http")
    assert "/dists/focal/" in (tmp_path / "cache/colorgan/caffe/build.log").read_text()


def test_a_missing_compiler_is_named_with_the_remedy(tmp_path: Path) -> None:
    """Show the script dpkg's own records without the package that brings the compiler."""
    skip_in_image()
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


@pytest.mark.parametrize("other", ["--cuda", "--check"])
def test_code_for_gpus_is_compiled_for_the_cpu_by_no_other_option(
    tmp_path: Path, other: str
) -> None:
    ended = build_caffe(tmp_path, "--cuda-on-cpu", other)
    assert_ends_with_one_line(ended, "--cuda-on-cpu goes with no other option")


def test_a_full_disk_is_reported_before_the_build(tmp_path: Path, own_mounts: list[str]) -> None:
    small = f"mount -t tmpfs -o size=20m tmpfs {tmp_path} && exec bash {ROOT}/tools/build_caffe.sh"
    ended = subprocess.run(
        [*own_mounts, "bash", "-c", small], env=os.environ | {"XDG_CACHE_HOME": tmp_path},
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert_ends_with_one_line(ended, "MiB free", "needs 300")


# CUDA


def test_the_patches_apply_one_after_the_other_and_the_code_for_gpus_translates(
    tmp_path: Path, source_tarball: Path
) -> None:
    subprocess.run(["tar", "-xf", source_tarball, "-C", tmp_path], check=True)
    shutil.copytree(ROOT / "tools/caffe/engine", tmp_path, dirs_exist_ok=True)
    for patch in sorted((ROOT / "tools/caffe/patches").glob("*.patch")):
        applied = subprocess.run(
            ["patch", "-d", tmp_path, "-p1", "--forward", "--fuzz=0", "-i", patch],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert applied.returncode == 0, applied.stdout
        assert "offset" not in applied.stdout, applied.stdout
    kernels = len(list(tmp_path.rglob("*.cu")))
    translate = ROOT / "tools/caffe/cuda_on_cpu/translate.py"
    subprocess.run([sys.executable, translate, tmp_path], check=True)
    translated = list(tmp_path.rglob("*_cu.cpp"))
    assert len(translated) == kernels > 60
    assert not any("<<<" in file.read_text() for file in translated)


@pytest.mark.parametrize(
    ("cuda", "cudnn", "cards"),
    [
        ("11.8.89", "8.9.7", "61,70,75,80,86,89,90"),
        ("12.4.131", "9.1.0", "61,70,75,80,86,89,90"),
        ("12.9.86", "9.10.2", "61,70,75,80,86,89,90,100,120"),
        ("12.9.86", "9.11.0", "75,80,86,89,90,100,120"),
        ("13.0.88", "9.13.1", "75,80,86,89,90,100,120"),
    ],
)
def test_code_is_made_for_every_card_from_pascal_on_that_compiler_and_cudnn_know(
    tmp_path: Path, cuda: str, cudnn: str, cards: str
) -> None:
    toolkit = make_toolkit(tmp_path / "toolkit", cuda, cudnn)
    asked = ask_cuda("cuda_cmake_options", CUDA_HOME=toolkit)
    assert asked.returncode == 0, asked.stderr
    options = asked.stdout.splitlines()
    assert f"-DCUDA_ARCH_BIN={cards}" in options
    assert f"-DCUDA_ARCH_PTX={cards.split(',')[-1]}" in options


def test_code_can_be_made_for_one_card_alone(tmp_path: Path) -> None:
    toolkit = make_toolkit(tmp_path / "toolkit", "13.0.88", "9.13.1")
    asked = ask_cuda("cuda_cmake_options; describe_cuda", CUDA_HOME=toolkit, CUDA_CARDS="90")
    assert {"-DCUDA_ARCH_BIN=90", "architectures 90"} <= set(asked.stdout.splitlines())
    refused = ask_cuda("find_cuda", CUDA_HOME=toolkit, CUDA_CARDS="61")
    assert_ends_with_one_line(refused, "CUDA_CARDS=61", "13.0.88")


def test_what_a_wheel_is_linked_with_is_part_of_its_key(tmp_path: Path) -> None:
    described = [
        ask_cuda("describe_cuda", CUDA_HOME=make_toolkit(tmp_path / name, *versions)).stdout
        for name, versions in (("a", ["12.4.131", "9.1.0"]), ("b", ["12.9.86", "8.9.7"]))
    ]
    assert described[0].splitlines() == [
        "nvcc 12.4.131", "architectures 61,70,75,80,86,89,90", "cublas 12.4.131.1",
        "curand 10.3.5.147", "cudnn 9.1.0", f"folders {tmp_path}/a {tmp_path}/a",
    ]  # fmt: skip
    for line in ("nvcc 12.9.86", "cublas 12.9.86.1", "cudnn 8.9.7", f"folders {tmp_path}/b"):
        assert line in described[1]


def test_a_compiler_that_does_not_name_its_toolkit_as_debians_has_it_around_it(
    tmp_path: Path,
) -> None:
    toolkit = make_toolkit(tmp_path / "usr", "11.8.89")
    nvcc = toolkit / "bin" / "nvcc"
    nvcc.write_text(nvcc.read_text().replace("TOP=", "_HERE_="))
    asked = ask_cuda('echo "$cuda_home"', PATH=f"{nvcc.parent}:{os.environ['PATH']}")
    assert (asked.stdout.strip(), asked.stderr) == (str(toolkit), "")


def test_the_toolkit_of_the_compiler_on_the_path_is_found_through_links(tmp_path: Path) -> None:
    toolkit = make_toolkit(tmp_path / "toolkit")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "nvcc").symlink_to(toolkit / "bin" / "nvcc")
    path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
    asked = ask_cuda('echo "$cuda_home"', PATH=path)
    assert (asked.stdout.strip(), asked.stderr) == (str(toolkit), "")
    other = make_toolkit(tmp_path / "other", "13.0.88")
    chosen = ask_cuda('echo "$cuda_home"', PATH=path, CUDA_HOME=other)
    assert chosen.stdout.strip() == str(other)


def test_cudnn_may_lie_in_a_folder_of_its_own(tmp_path: Path) -> None:
    toolkit = make_toolkit(tmp_path / "toolkit")
    own = tmp_path / "cudnn" / "include"
    own.mkdir(parents=True)
    (toolkit / "include" / "cudnn_version.h").rename(own / "cudnn_version.h")
    asked = ask_cuda('echo "$cudnn_root"', CUDA_HOME=toolkit, CUDNN_ROOT=tmp_path / "cudnn")
    assert (asked.stdout.strip(), asked.stderr) == (str(tmp_path / "cudnn"), "")


@pytest.mark.parametrize(
    ("versions", "told"),
    [(("11.7.99",), "CUDA 11.7.99"), (("12.4.131", "7.6.5"), "cuDNN 7.6.5")],
)
def test_a_cuda_or_cudnn_that_is_too_old_is_named(
    tmp_path: Path, versions: tuple[str, ...], told: str
) -> None:
    toolkit = make_toolkit(tmp_path / "toolkit", *versions)
    ended = build_caffe(tmp_path / "cache", "--cuda", CUDA_HOME=toolkit)
    assert_ends_with_one_line(ended, told, str(toolkit), "too old")
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize(
    ("missing", "told"),
    [
        ("bin/nvcc", "no bin/nvcc"),
        ("include/cublas_v2.h", "lacks cuBLAS or cuRAND"),
        ("include/cudnn_version.h", "no cuDNN in"),
    ],
)
def test_what_a_toolkit_lacks_is_named(tmp_path: Path, missing: str, told: str) -> None:
    toolkit = make_toolkit(tmp_path / "toolkit")
    (toolkit / missing).unlink()
    # Without CUDNN_ROOT, a cuDNN of this machine's own would do.
    ended = build_caffe(tmp_path / "cache", "--cuda", CUDA_HOME=toolkit, CUDNN_ROOT=toolkit)
    assert_ends_with_one_line(ended, told, str(toolkit))


def test_a_compiler_too_new_for_cuda_is_named_with_the_remedy(tmp_path: Path) -> None:
    toolkit = make_toolkit(tmp_path / "toolkit", "11.8.89", newest_gxx=3)
    ended = build_caffe(tmp_path / "cache", "--cuda", CUDA_HOME=toolkit)
    assert_ends_with_one_line(ended, "CUDA 11.8.89 does not work with g++", "install g++-11")


def test_without_a_compiler_and_without_a_network_the_remedy_is_named(tmp_path: Path) -> None:
    offline = {"PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull, "PIP_FIND_LINKS": tmp_path}
    ended = build_caffe(tmp_path / "cache", "--cuda", PATH="/usr/bin:/bin", **offline)
    assert (ended.returncode, ended.stdout) == (2, ""), ended.stderr
    progress, error = ended.stderr.splitlines()
    assert "installing a CUDA compiler" in progress
    for part in ("build_caffe.sh: error: pip: ERROR: ", "nvidia-", "network", "CUDA_HOME"):
        assert part in error
    assert [path.name for path in (tmp_path / "cache/colorgan/cuda").iterdir()] == ["lock"]
