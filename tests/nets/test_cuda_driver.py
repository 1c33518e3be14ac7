"""What CUDA's driver is asked, of this machine's driver and of one that is made for the test."""

import os
from pathlib import Path

from colorgan.nets import cuda_driver
from programs import run_python

CARD = "count_gpus(), supported_cuda(), compute_capability(0)"


def ask(what: str = CARD, **environment: str) -> str:
    """The driver's answers, in a process of its own: a driver is loaded once."""
    code = f"from colorgan.nets.cuda_driver import *; print({what})"
    asked = run_python("-W", "error", "-c", code, env=os.environ | environment)
    assert asked.returncode == 0, asked.stderr
    return asked.stdout.strip()


def test_gpus_are_counted_as_the_driver_lets_this_process_use_them() -> None:
    assert ask(CUDA_VISIBLE_DEVICES="-1") == "0 (0, 0) (0, 0)"
    counted = cuda_driver.count_gpus()
    assert counted <= len(list(Path("/proc/driver/nvidia/gpus").glob("*")))


def test_a_card_and_its_drivers_cuda_are_reported(driver_of_a_gtx_1080: Path) -> None:
    assert ask(LD_LIBRARY_PATH=str(driver_of_a_gtx_1080)) == "1 (12, 4) (6, 1)"


def test_a_cards_name_and_the_memory_in_use_are_read(driver_of_a_gtx_1080: Path) -> None:
    told = ask("name_of(0), memory_in_use(0)", LD_LIBRARY_PATH=str(driver_of_a_gtx_1080))
    assert told == "GTX 1080 3000"
