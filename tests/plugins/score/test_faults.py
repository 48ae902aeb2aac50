"""Faults are planted where they are said to be, and those of a chorale are found there."""

from dataclasses import replace
from importlib.resources import files

import numpy as np
import pytest
from segue.music import TrackInfo, midi_to_piece
from segue.music.issues import DETECTORS
from segue.plugins.score.faults import _PLANTS, _is_at, measure_issues
from segue.v1 import analyze_pb2 as pb


@pytest.fixture(scope="module")
def chorale():
    piece, _ = midi_to_piece((files("segue.client.demo") / "chorale.mid").read_bytes())
    shaped = 60 + np.arange(len(piece)) % 9
    return piece.with_notes(velocity=shaped)


@pytest.mark.parametrize("kind", _PLANTS, ids=pb.IssueKind.Name)
def test_each_kind_is_planted_and_found(chorale, model, kind):
    if kind == pb.ISSUE_KIND_UNPLAYABLE:  # of keyboards alone
        chorale = replace(chorale, tracks=(TrackInfo("Piano"),) * 4)
    spoilt, faults = _PLANTS[kind](chorale, np.random.default_rng(1))
    assert faults
    columns = ("start", "duration", "pitch", "velocity")
    assert any(getattr(spoilt, name).tolist() != getattr(chorale, name).tolist() for name in columns)
    found = list(DETECTORS[kind](model._networks.read(spoilt)))
    hits = sum(any(_is_at(finding, *fault) for finding in found) for fault in faults)
    assert hits >= 0.6 * len(faults)


def test_a_folder_without_the_packs_is_named(model, tmp_path):
    with pytest.raises(Exception, match="jsb_chorales"):
        measure_issues(tmp_path, model._networks.read, None)
