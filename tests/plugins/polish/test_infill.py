"""What the chorale network says about pieces of four voices, and which pieces it is asked about."""

import shutil
from dataclasses import replace
from importlib.resources import files

import numpy as np
import pytest
from safetensors.torch import load_file, save_file
from segue.music import midi_to_piece
from segue.plugins.chorale.plugin import Chorale
from segue.plugins.polish import infill, models
from segue.plugins.polish.context import Queries, queries_of
from segue.plugins.polish.infill import Infiller
from segue.plugins.polish.measure import polish
from segue.plugins.polish.voicing import _not_meant
from segue.v1 import music_pb2 as pb

from .conftest import WEIGHTS


@pytest.fixture(scope="module")
def infiller():
    return Infiller.load(WEIGHTS)


@pytest.fixture(scope="module")
def chorale():
    return midi_to_piece((files("segue.client.demo") / "chorale.mid").read_bytes())[0]


def one(piece, note, pitch):
    return replace(queries_of(piece, np.array([note])), pitch=np.array([pitch]))


def higher(piece, track, by):
    pitch = np.where(piece.track == track, piece.pitch + by, piece.pitch)
    return piece.with_notes(pitch=pitch)


def test_a_version_fills_in_with_the_network_it_holds(tmp_path, chorale, infiller):
    """Whichever version of chorale serves, or ships: another network is one of another version of the polish."""
    shutil.copytree(WEIGHTS, tmp_path / "same")
    shutil.copytree(WEIGHTS, tmp_path / "other")
    weights = tmp_path / "other" / infill.FOLDER / infill.WEIGHTS
    save_file({name: -tensor for name, tensor in load_file(weights).items()}, weights)
    question = one(chorale, 20, int(chorale.pitch[20]) + 1)
    said, same, other = (
        asked.gains(chorale, question)
        for asked in (infiller, *(models.load(tmp_path / name).infiller for name in ("same", "other")))
    )
    assert same == said
    assert other != said
    shutil.rmtree(tmp_path / "same" / infill.FOLDER)
    assert models.load(tmp_path / "same").infiller is None


def test_the_shipped_version_holds_the_network_of_the_shipped_chorale():
    version = Chorale.models[0].shipped / "1"
    for name in infill.FILES:
        assert (WEIGHTS / infill.FOLDER / name).read_bytes() == (version / name).read_bytes()


def test_only_four_voices_are_read(infiller, chorale, song):
    question = one(chorale, 20, 60)
    assert infiller.gains(chorale, question) is not None
    for other in (
        song,
        chorale.select(chorale.track != 1),
        higher(chorale, 0, 24),
        replace(chorale, start=chorale.start + 0.1),
        replace(chorale, start=chorale.start + infill.MOST_FRAMES),
        replace(chorale, duration=chorale.duration + 1.0),
    ):
        assert infiller.gains(other, question) is None


def test_beyond_the_bound_nothing_is_asked(infiller, chorale, monkeypatch):
    notes = np.arange(10)
    question = replace(queries_of(chorale, notes), pitch=chorale.pitch[notes] + 1)
    whole = infiller.gains(chorale, question)
    monkeypatch.setattr(infill, "MOST_ASKED", 4)
    some = infiller.gains(chorale, question)
    assert (whole != 0).all()
    assert some[:4] == pytest.approx(whole[:4], abs=1e-3)
    assert not some[4:].any()


def test_a_note_behind_the_end_is_not_asked(infiller, chorale):
    columns = (np.array([chorale.beats + 4]), np.array([1.0]), np.array([60]), np.array([0]), np.array([-1]))
    assert infiller.gains(chorale, Queries(*columns)).tolist() == [0.0]


def test_slips_and_gaps_of_a_chorale_are_mended_better(chorale, trained, infiller):
    """Every inner note, one at a time by sixes: slipped by a semitone or left out."""
    inner = np.flatnonzero(np.isin(chorale.track, np.unique(chorale.track)[1:3]))[4:-4]
    mended = {"with": 0, "without": 0}
    for part in range(6):
        notes = inner[part::6]
        slipped, gone = notes[::2], notes[1::2]
        pitch = chorale.pitch.copy()
        pitch[slipped] += np.where(np.arange(len(slipped)) % 2, 1, -1)
        kept = np.setdiff1d(np.arange(len(chorale)), gone)
        spoiled = chorale.with_notes(pitch=pitch).select(kept)
        missing = {(float(chorale.start[n]), int(chorale.pitch[n])) for n in gone}
        for name, asked in (("with", infiller), ("without", None)):
            for change in polish(spoiled, replace(trained, infiller=asked)):
                if change.kind == pb.EDIT_KIND_PITCH:
                    mended[name] += 1 if change.pitch == chorale.pitch[kept[change.note]] else -1
                elif change.kind == pb.EDIT_KIND_INSERT:
                    mended[name] += 1 if (round(change.start, 2), change.pitch) in missing else -1
    assert mended["with"] > mended["without"] > 0


def test_crossed_voices_stay_where_nothing_likelier_is_heard(chorale):
    class Deaf:
        def __init__(self, nats):
            self.nats = nats

        def gains(self, piece, notes, together):
            return self.nats if self.nats is None else np.asarray(self.nats)[together]

    pairs = [("first", (0, 1)), ("second", (2, 3))]
    assert _not_meant(chorale, pairs, None) == pairs
    assert _not_meant(chorale, pairs, Deaf(None)) == pairs
    assert _not_meant(chorale, pairs, Deaf([-9.0, -1.0])) == pairs[1:]
