"""What a run's configuration makes of its faces."""

from pathlib import Path

import numpy as np

from colorgan.faces.database import FaceDatabase
from colorgan.measuring.skin import with_darkest_skin
from colorgan.training.config import configure
from colorgan.training.trainer import shown_again


def test_an_epoch_shows_the_darkest_skin_as_often_as_asked(faces: Path) -> None:
    with FaceDatabase(faces / "train_lmdb") as train:
        assert shown_again(configure({"data": faces}), train) is None
        again = shown_again(configure({"data": faces, "dark_skin": 3}), train)
        darkest = with_darkest_skin(train)
    assert sorted(again) == sorted(np.tile(darkest, 2))
