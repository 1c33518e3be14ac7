"""A run's configuration has all that its mode needs."""

from typing import Any

import pytest

from colorgan.errors import UserError
from colorgan.training.config import TrainingConfig

NEEDED = {
    "gan": {"adversarial_weight": 100.0},
    "wgan": {"adversarial_weight": 100.0, "n_critic": 5, "weight_clip": 0.01},
}


def config(mode: str, values: dict[str, Any]) -> TrainingConfig:
    files = {"data": "celeba", "faces": "a checksum", "generator": "generator.prototxt"}
    return TrainingConfig(**files, batch_size=64, iterations=20, mode=mode, **values)


@pytest.mark.parametrize(
    ("mode", "missing"), [(mode, name) for mode, values in NEEDED.items() for name in values]
)
def test_a_mode_without_one_of_its_values_is_refused(mode: str, missing: str) -> None:
    config(mode, NEEDED[mode])
    with pytest.raises(UserError, match=f"mode '{mode}' needs {missing}"):
        config(mode, NEEDED[mode] | {missing: None})


def test_l2_alone_needs_none_of_them() -> None:
    assert config("l2", {"adversarial_weight": None}).adversarial_weight is None
