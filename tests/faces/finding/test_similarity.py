"""Similarities of the plane."""

import numpy as np
import pytest

from colorgan.faces.celeba.landmarks import CELEBA_POINTS
from colorgan.faces.finding.similarity import nearest_similarity, transformed


def test_the_nearest_similarity_of_moved_points_is_the_move():
    turn = 2.5 * np.exp(2j)
    move = np.array([[turn.real, -turn.imag, 30], [turn.imag, turn.real, -7]])
    assert nearest_similarity(CELEBA_POINTS, transformed(CELEBA_POINTS, move)) == pytest.approx(
        move
    )
