"""What a run's configuration makes of its faces."""

from pathlib import Path

import numpy as np
import pytest

from colorgan.faces.database import FaceDatabase
from colorgan.measuring.quality.skin import with_darkest_skin
from colorgan.training.config import configure
from colorgan.training.run_nets import write_prototxts
from colorgan.training.runfolder import RunFolder
from colorgan.training.trainer import Trainer, shown_again


def test_an_epoch_shows_the_darkest_skin_as_often_as_asked(faces: Path) -> None:
    with FaceDatabase(faces / "train_lmdb") as train:
        assert shown_again(configure({"data": faces}), train) is None
        again = shown_again(configure({"data": faces, "dark_skin": 3}), train)
        darkest = with_darkest_skin(train)
    assert sorted(again) == sorted(np.tile(darkest, 2))


@pytest.mark.parametrize("average", [None, 0.9])
def test_room_is_asked_for_all_that_a_snapshot_writes(
    faces: Path, tmp_path: Path, average: float | None
) -> None:
    config = configure({"data": faces, "mode": "l2", "batch_size": 1, "average": average})
    run = RunFolder(tmp_path)
    write_prototxts(config, run)
    with FaceDatabase(faces / "train_lmdb") as train, FaceDatabase(faces / "test_lmdb") as test:
        trainer = Trainer(config, run, train, test)
        trainer._take_snapshot(is_best=False)
    files = [*(tmp_path / "snapshots" / "iter_00000000").iterdir()]
    definitions = 20_000 * len(files)  # of layers, beside their weights
    written = sum(file.stat().st_size for file in files)
    assert 0 < written - trainer.snapshot_bytes() < definitions
    run.close()
