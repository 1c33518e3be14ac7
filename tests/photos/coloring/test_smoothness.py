"""Values are smooth where luminance is, as dense algebra says, and edges keep them apart."""

import cv2
import numpy as np
import pytest

from colorgan.luminance import in_unit_range
from colorgan.photos.coloring.smoothness import EDGE, LEAST, SmoothField, neighbor_weights
from conftest import dense_laplacian


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (6, 1), (2, 3), (15, 11), (22, 25)])
@pytest.mark.parametrize("fixed_share", [0, 0.1, 0.9])
def test_the_solution_is_that_of_dense_algebra(shape: tuple[int, int], fixed_share: float) -> None:
    random = np.random.default_rng(1)
    gray = cv2.blur(random.integers(0, 256, shape, np.uint8), (3, 3))
    gray.flat[[0, -1]] = 0, 255  # full contrast, which is seen as it is
    values = random.normal(size=(3, *shape))
    fixed = random.random(shape) < fixed_share
    leak = random.uniform(1e-4, 1e-2, shape)
    found = SmoothField(gray).solve(values, fixed, leak)
    system = dense_laplacian(*neighbor_weights(in_unit_range(gray))) + np.diag(leak.ravel())
    known = fixed.ravel()
    system[known] = np.eye(known.size)[known]
    expected = np.linalg.solve(system, np.where(known, values.reshape(3, -1), 0).T)
    np.testing.assert_allclose(found.reshape(3, -1).T, expected, atol=1e-9)


def test_one_field_solves_for_one_set_of_places_after_another() -> None:
    random = np.random.default_rng(2)
    gray = random.integers(0, 256, (20, 30), np.uint8)
    field = SmoothField(gray)
    for leak in (1e-3, 1e-3, 1e-1):
        values, fixed = random.normal(size=(2, 20, 30)), random.random((20, 30)) < 0.1
        again = SmoothField(gray).solve(values, fixed, leak)
        np.testing.assert_array_equal(field.solve(values, fixed, leak), again)
        np.testing.assert_array_equal(field.solve(2 * values, fixed, leak), 2 * again)


def test_neighbors_pull_less_across_a_step_and_least_across_an_edge() -> None:
    guide = np.full((20, 60), 0.3, np.float32)
    guide[:, 20:] += 0.03  # too small for an edge
    guide[:, 40:] += 0.4
    beside, below = neighbor_weights(guide)
    assert beside[10, 10] == below[10, 10] == 1
    assert 0.001 < beside[10, 19] < 0.5
    assert beside[10, 39] < EDGE / 100
    assert min(beside.min(), below.min()) >= LEAST
