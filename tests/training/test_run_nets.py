"""A run's own nets and solvers: what is taken over from those it is given, and what is refused."""

from pathlib import Path

import pytest

from colorgan.errors import UserError
from colorgan.nets.prototxt import PAPERS_SOLVERS, needed_blobs, read_solver
from colorgan.training.run_nets import check_blobs, read_update

PAPERS = PAPERS_SOLVERS["generator"]


def test_of_a_solver_only_what_its_updates_go_by_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "solver.prototxt"
    loop = "snapshot: 5 snapshot_format: HDF5 display: 1 test_iter: 3 solver_mode: GPU"
    path.write_text(f"{PAPERS.read_text()}\n{loop}\ngamma: 0.5\n")
    expected = read_solver(PAPERS)
    expected.gamma = 0.5
    expected.ClearField("net")
    assert read_update(path) == expected


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("base_lr: 0", "base_lr is 0"),
        ("base_lr: nan", "base_lr is nan"),
        ("momentum: 1", "momentum is 1, not 0 or more, below 1"),
        ("momentum2: -1", "momentum2 is -1"),
        ("iter_size: 2", "--batch-size takes its place"),
        ('weights: "old.caffemodel"', "--init-weights takes their place"),
    ],
)
def test_a_solver_that_cannot_be_followed_is_refused(
    tmp_path: Path, line: str, complaint: str
) -> None:
    path = tmp_path / "solver.prototxt"
    name = line.partition(":")[0]
    rest = [old for old in PAPERS.read_text().splitlines() if not old.startswith(f"{name}:")]
    path.write_text("\n".join([*rest, line]))
    with pytest.raises(UserError, match=complaint):
        read_update(path)


def test_blobs_that_have_another_shape_once_built_are_named() -> None:
    faces = [2, 3, 64, 64]
    shapes = {"gray": faces, "color": faces, "fake": faces, "fake_l2": faces, "l2": []}
    needed = needed_blobs("generator", against_d=False)
    check_blobs(needed, shapes, "G")
    for wrong, complaint in (
        ({"l2": faces}, "a loss is one number"),
        ({"fake": [2, 1, 64, 192]}, "'fake' is"),
    ):
        with pytest.raises(UserError, match=complaint):
            check_blobs(needed, shapes | wrong, "G")
    with pytest.raises(UserError, match="'fake_adversarial' in the phase TRAIN"):
        check_blobs(needed_blobs("generator", against_d=True), shapes, "G")
    with pytest.raises(UserError, match="'adversarial' in the phase TRAIN"):
        check_blobs(
            needed_blobs("discriminator", against_d=True),
            dict.fromkeys(("data", "label", "score"), [2, 1]),
            "D",
        )
