"""Caffe is loaded quietly, checked for what the programs need, and put on the right device."""

import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import colorgan
from colorgan.errors import UserError
from colorgan.nets import runtime
from colorgan.nets.cuda_driver import count_gpus
from colorgan.nets.runtime import check_gpu, gpu_of, load_caffe, missing_capabilities, use_device
from engines import ENGINES, make_net, run_under

PACKAGE_ROOT = Path(colorgan.__file__).parents[1]


def python(code: str, *path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run code in a Python that sees the standard library and the folders of `path` only."""
    isolated = [sys.executable, "-I", "-S", "-W", "error", "-c"]
    setup = f"import sys; sys.path += {[str(folder) for folder in path]!r}\n"
    clean = {k: v for k, v in os.environ.items() if not k.startswith("GLOG_")}
    return subprocess.run(
        [*isolated, setup + code], env=clean | environment, capture_output=True, text=True,
        check=False, timeout=120,
    )  # fmt: skip


def end_of_program(*path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """What a program that needs caffe does, at its start, where `path` is all there is."""
    code = """
from colorgan.errors import run_program
from colorgan.nets.runtime import load_caffe
sys.exit(run_program("test", lambda: load_caffe() and 0))
"""
    return python(code, PACKAGE_ROOT, *path, **environment)


def site_packages() -> Path:
    return Path(load_caffe().__file__).parents[1]


def test_an_absent_caffe_ends_the_program_with_one_line_naming_the_remedy() -> None:
    ended = end_of_program()
    assert ended.returncode == 2
    assert ended.stdout == ""
    (line,) = ended.stderr.splitlines()
    assert "No module named 'caffe'" in line
    assert "bash tools/setup.sh" in line


def test_caffe_brings_no_image_libraries_along() -> None:
    """To import them takes three times as long as Caffe itself: photos need to wait for neither."""
    code = "import caffe; print(sorted({'matplotlib', 'scipy', 'skimage'} & set(sys.modules)))"
    done = python(code, site_packages())
    assert (done.stdout, done.returncode) == ("[]\n", 0), done.stderr


def test_an_empty_package_of_the_same_name_is_not_taken_for_caffe(tmp_path: Path) -> None:
    (tmp_path / "caffe").mkdir()
    (tmp_path / "caffe" / "__init__.py").write_text("__version__ = '0.0.1'\n")
    ended = end_of_program(tmp_path)
    assert ended.returncode == 2
    (line,) = ended.stderr.splitlines()
    assert str(tmp_path / "caffe") in line
    assert "Net, AdamSolver" in line
    assert "bash tools/setup.sh" in line


def test_a_caffe_that_does_not_load_ends_the_program_with_one_line(tmp_path: Path) -> None:
    """The package without its library: what a half-copied or half-removed .venv looks like."""
    installed = Path(load_caffe().__file__).parent
    broken = tmp_path / "caffe"
    broken.mkdir()
    for file in installed.glob("*.py"):
        (broken / file.name).symlink_to(file)
    (broken / "_caffe.so").write_bytes(b"")
    ended = end_of_program(tmp_path, site_packages())
    assert ended.returncode == 2
    (line,) = ended.stderr.splitlines()
    assert "_caffe.so" in line
    assert "bash tools/setup.sh" in line


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("raise TypeError('Descriptors cannot be created directly.\\nIf this call came')",
         "cannot be imported (Descriptors cannot be created directly.): "),
        ("print 'written for Python 2'", "cannot be imported (Missing parentheses in call"),
        ("", "not the build of this project; "),
    ],
)  # fmt: skip
def test_another_caffe_that_pythonpath_puts_first_is_named_with_what_to_do(
    content: str, told: str, tmp_path: Path
) -> None:
    (tmp_path / "caffe").mkdir()
    (tmp_path / "caffe" / "__init__.py").write_text(content)
    ended = end_of_program(tmp_path, PYTHONPATH=f"/nowhere:{tmp_path}")
    assert (ended.returncode, ended.stdout) == (2, "")
    (line,) = ended.stderr.splitlines()
    assert line.startswith(f"test: error: caffe of {tmp_path}/caffe ")
    assert told in line
    assert line.endswith(f" take {tmp_path} out of PYTHONPATH")


def test_caffe_imports_without_warnings_and_without_log_lines() -> None:
    code = """
from colorgan.nets.runtime import load_caffe
caffe = load_caffe()
net = 'layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 1 } } }'
import tempfile
with tempfile.NamedTemporaryFile("w", suffix=".prototxt") as file:
    file.write(net)
    file.flush()
    caffe.Net(file.name, caffe.TEST)
print(caffe.__file__)
"""
    quiet = python(code, PACKAGE_ROOT, site_packages())
    assert (quiet.returncode, quiet.stderr) == (0, "")
    assert quiet.stdout.strip() == load_caffe().__file__
    loud = python(code, PACKAGE_ROOT, site_packages(), GLOG_minloglevel="0")
    assert loud.returncode == 0
    assert "Network initialization done" in loud.stderr


def test_a_caffe_without_a_needed_method_or_layer_is_named() -> None:
    """Take away, one at a time, what the installed Caffe does have."""
    caffe = load_caffe()
    assert list(missing_capabilities(caffe)) == []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runtime, "REQUIRED_LAYERS", frozenset({"Sigmoid", "Warp"}))
        assert list(missing_capabilities(caffe)) == ["layer Warp"]
    with pytest.MonkeyPatch.context() as patch:
        patch.delattr(caffe.Net, "forward")
        assert list(missing_capabilities(caffe)) == ["Net.forward"]
    assert list(missing_capabilities(caffe)) == []


def test_an_engine_that_does_not_exist_ends_the_program_with_one_line() -> None:
    ended = end_of_program(site_packages(), CAFFE_CPU_ENGINE="sse9")
    assert (ended.returncode, ended.stdout) == (2, "")
    (line,) = ended.stderr.splitlines()
    assert "CAFFE_CPU_ENGINE=sse9: must be stock, avx2, avx512" in line


@pytest.mark.parametrize("engine", ENGINES)
def test_the_engine_that_is_asked_for_is_used(engine: str) -> None:
    shown = run_under(engine, "-c", "import caffe; print(caffe.cpu_engine())")
    assert shown.stdout.strip() == engine


# A layer of each kind that the engine accelerates, and one that OpenBLAS computes.
NET = """
force_backward: true
layer { name: "x" type: "Input" top: "x" input_param {
  shape { dim: 8 dim: 32 dim: 17 dim: 17 } } }
layer { name: "y" type: "Convolution" bottom: "x" top: "y" convolution_param {
  num_output: 32 kernel_size: 3 pad: 1 } }
layer { name: "n" type: "BatchNorm" bottom: "y" top: "y" }
layer { name: "s" type: "Scale" bottom: "y" top: "y" scale_param { bias_term: true } }
layer { name: "r" type: "ReLU" bottom: "y" top: "y" }
layer { name: "z" type: "Convolution" bottom: "y" top: "z" convolution_param {
  num_output: 5 kernel_size: 4 stride: 2 } }
layer { name: "p" type: "InnerProduct" bottom: "z" top: "p" inner_product_param {
  num_output: 64 } }
"""
# Prints which engine ran it, and how many threads came into being.
RUN_NET = """
import os, sys
from colorgan.nets.runtime import load_caffe
caffe = load_caffe()
net = caffe.Net(sys.argv[1], caffe.TRAIN)
before = len(os.listdir("/proc/self/task"))
net.forward()
net.backward()
print(caffe.cpu_engine(), len(os.listdir("/proc/self/task")) - before)
"""


@pytest.fixture
def net(tmp_path: Path) -> Path:
    path = tmp_path / "net.prototxt"
    path.write_text(NET)
    return path


@pytest.mark.skipif(not shutil.which("qemu-x86_64"), reason="needs Debian's package qemu-user")
@pytest.mark.parametrize(("cpu", "engine"), [("Haswell", "avx2"), ("Nehalem", "stock")])
def test_an_older_cpu_runs_with_what_it_has(cpu: str, engine: str, net: Path) -> None:
    """Emulated: an instruction that this CPU lacks would end the process."""
    emulated = ["qemu-x86_64", "-cpu", cpu, sys.executable, "-c", RUN_NET, net]
    done = subprocess.run(emulated, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.split()[:1]) == (0, [engine]), done.stderr[-2000:]


def test_omp_num_threads_rules_all_of_caffes_threads(net: Path) -> None:
    for threads in (1, 2, 3):
        _, added = run_under(None, "-c", RUN_NET, net, threads=threads).stdout.split()
        assert int(added) == threads - 1


def test_every_layer_type_of_the_prototxt_folder_is_checked_for() -> None:
    from google.protobuf import text_format

    net_parameter = load_caffe().proto.caffe_pb2.NetParameter
    files = sorted((PACKAGE_ROOT.parent / "prototxt").glob("*.prototxt"))
    assert files
    for file in files:
        net = text_format.Parse(file.read_text(), net_parameter())
        assert {layer.type for layer in net.layer} <= runtime.REQUIRED_LAYERS, file.name


def test_the_cpu_can_be_chosen_in_any_thread() -> None:
    errors: list[BaseException] = []

    def choose() -> None:
        try:
            use_device(None)
        except BaseException as error:  # handed to the test's own thread
            errors.append(error)

    thread = threading.Thread(target=choose)
    thread.start()
    thread.join()
    assert errors == []


def test_a_gpu_is_refused_by_a_build_for_cpus_only() -> None:
    build = json.loads((Path(load_caffe().__file__).parent / "build.json").read_text())
    if not build["cpu_only"]:
        pytest.skip("this Caffe is built for GPUs")
    with pytest.raises(UserError, match="GPU 0 asked for, but this Caffe is built for CPUs only"):
        use_device(0)


def test_a_gpu_that_is_not_there_is_refused() -> None:
    count = count_gpus()
    with pytest.raises(UserError, match=f"GPU {count} asked for, but {count} GPUs can be used"):
        check_gpu(count, {"nvcc": "12.9.86", "architectures": "61,70,75"})


@pytest.mark.parametrize(
    ("built", "complaint"),
    [
        ({"nvcc": "12.9.86", "architectures": "61,70,75"}, ""),
        ({"nvcc": "11.8.89", "architectures": "61,70,75"}, ""),
        ({"nvcc": "12.9.86", "architectures": "75,80,120"}, "6.1, and this Caffe is built for 7.5"),
        ({"nvcc": "13.0.88", "architectures": "75,80"}, "runs CUDA 12.4, and this Caffe needs 13"),
    ],
)
def test_a_gpu_or_driver_too_old_for_this_caffe_is_refused(
    driver_of_a_gtx_1080: Path, built: dict[str, str], complaint: str
) -> None:
    code = f"from colorgan.nets.runtime import check_gpu; check_gpu(0, {built})"
    library_path = {"LD_LIBRARY_PATH": str(driver_of_a_gtx_1080)}
    checked = python(code, PACKAGE_ROOT, **library_path)
    last = (checked.stderr.splitlines() or [""])[-1]
    assert (complaint in last) if complaint else not last
    assert checked.returncode == bool(complaint)


@pytest.fixture
def blobs():
    """Two blobs of one shape, and a wider one."""
    layers = "".join(
        f'layer {{ name: "{name}" type: "Input" top: "{name}"\n'
        f"  input_param {{ shape {{ dim: 2 dim: {size} }} }} }}\n"
        for name, size in (("a", 3), ("b", 3), ("wide", 4))
    )
    blobs = make_net(layers).blobs
    blobs["a"].data[...], blobs["a"].diff[...] = 1, 2
    blobs["b"].data[...], blobs["b"].diff[...] = 3, 4
    return blobs


@pytest.mark.parametrize(("diff", "expected"), [(False, (3, 2)), (True, (1, 4))])
def test_a_blob_takes_over_data_or_diff_of_another(blobs, diff, expected) -> None:
    a, b = blobs["a"], blobs["b"]
    a.copy_from(b, diff=diff)
    assert (set(a.data.flat), set(a.diff.flat)) == ({expected[0]}, {expected[1]})
    assert (set(b.data.flat), set(b.diff.flat)) == ({3}, {4})
    b.data[...] = b.diff[...] = 9  # a copy, no share
    assert (set(a.data.flat), set(a.diff.flat)) == ({expected[0]}, {expected[1]})


def test_a_blob_blends_another_into_its_data(blobs) -> None:
    a, b = blobs["a"], blobs["b"]
    a.blend(b, 0.25)
    assert (set(a.data.flat), set(a.diff.flat)) == ({1.5}, {2})
    a.blend(b, share=1)
    assert (set(a.data.flat), set(b.data.flat)) == ({3}, {3})


def test_a_blob_is_filled_with_one_value(blobs) -> None:
    a, b = blobs["a"], blobs["b"]
    a.fill(0.5)
    assert (set(a.data.flat), set(a.diff.flat)) == ({0.5}, {2})
    assert set(b.data.flat) == {3}


def test_blobs_of_different_shapes_are_an_exception_where_caffe_would_abort(blobs) -> None:
    a, wide = blobs["a"], blobs["wide"]
    for operation in (lambda: a.copy_from(wide), lambda: a.blend(wide, 0.5)):
        with pytest.raises(RuntimeError, match=r"2 3 \(6\) and 2 4 \(8\)"):
            operation()


def test_processes_of_a_machine_take_its_gpus_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "count_gpus", lambda: 4)
    assert [gpu_of(1, process) for process in range(5)] == [1, 2, 3, 0, 1]
    monkeypatch.setattr(runtime, "count_gpus", lambda: 1)  # as Slurm may show each its own
    assert [gpu_of(0, process) for process in range(3)] == [0, 0, 0]
    assert gpu_of(9, 0) == 9  # which is then refused
    assert gpu_of(None, 3) is None
