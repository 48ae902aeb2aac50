import numpy as np
import pytest
from segue.music import Meter, Piece, TrackInfo
from segue.music.chord_symbols import read_chords
from segue.plugins.score.networks import shipped_networks
from segue.plugins.transformer import obedience_chords, obedience_harmony
from segue.plugins.transformer.obedience import Composed, compose, random_requests
from segue.plugins.transformer.obedience_chords import measure_chords, measure_form
from segue.plugins.transformer.obedience_harmony import measure_harmony, movement
from segue.v1 import generate_pb2, music_pb2

from .conftest import made_song

SYMBOLS = ("C:maj", "A:min", "F:maj", "G:7/3", "E:min", "A:min", "D:min", "C:maj")
PITCHES = ((48, 64, 67), (45, 60, 64), (41, 57, 60), (47, 55, 62, 65), (40, 55, 59), (45, 60, 64), (50, 65, 69))
TRACKS = (TrackInfo("piano"),)


def over(chords, higher: int = 0) -> Piece:
    """A chord on every beat of a bar."""
    rows = [
        (4 * bar + beat, pitch + higher) for bar, chord in enumerate(chords) for beat in range(4) for pitch in chord
    ]
    start, pitch = zip(*rows, strict=True)
    return Piece.of(start, 1, pitch, 80, 0, tracks=TRACKS, meters=(Meter(0.0, 4, 4),))


def test_chords_that_are_played_are_heard_and_others_are_not():
    asked = read_chords(obedience_chords._messages(SYMBOLS))
    networks, right = shipped_networks(), (*PITCHES, PITCHES[0])
    both, root, lowest = obedience_chords._heard(networks, over(right), asked)
    assert min(both, root) > 0.8
    assert lowest == 1.0
    both, root, lowest = obedience_chords._heard(networks, over(right, higher=6), asked)
    assert max(both, root, lowest) < 0.2


def of_form(sections: str) -> Composed:
    """Bars of six notes each, the same for the same letter, over 32 bars; the last bar is C major."""
    bars = {"i": 3, "o": 2} | dict.fromkeys("ABX", 6)
    rows = []
    for number, name in enumerate(sections):
        rng = np.random.default_rng((ord(name), number if name in "io" else (number - sections.index(name)) % 6))
        pitch = rng.choice(np.arange(50, 80), bars[name], replace=False)
        rows += [(4 * number + place / 2, p) for place, p in enumerate(pitch)]
    rows = [row for row in rows if row[0] < 4 * 31] + [(124, p) for p in (48, 64, 67)]
    start, pitch = zip(*rows, strict=True)
    key = music_pb2.Key(tonic=0, mode=music_pb2.MODE_MAJOR)
    piece = Piece.of(start, 0.5, pitch, 80, 0, tracks=TRACKS, meters=(Meter(0.0, 4, 4),))
    return Composed(generate_pb2.GenerateRequest(), generate_pb2.Piece(key=key), piece)


def test_a_form_that_is_kept_is_told_from_one_that_is_not():
    kept = obedience_chords._form(of_form("iiiAAAAAAAAAAAABBBBBBAAAAAAooooo"))
    assert kept["A and A again"] == 1.0
    assert kept["A and B"] < 0.2
    assert kept["notes a bar, intro"] < kept["notes a bar, the rest"]
    assert kept["ends on the tonic"] == 1.0
    lost = obedience_chords._form(of_form("iiiAAAAAAXXXXXXBBBBBBAAAAAAooooo"))
    assert lost["A and A again"] < 0.2


def test_asked_chords_and_forms_are_measured_on_composed_pieces(model, monkeypatch):
    monkeypatch.setattr(obedience_chords, "_STYLES", ("pop_piano", "chorale"))
    monkeypatch.setattr(obedience_chords, "_progressions", lambda data: [SYMBOLS, SYMBOLS[::-1]])
    rows = measure_chords(model, 4, None).rows
    asked, chance = rows["asked for"], rows["only the key asked for"]  # an untrained network: the masks alone
    assert asked["lowest note"] > chance["lowest note"] + 0.3
    assert asked["root"] > chance["root"]
    form = measure_form(model, 2).rows["composed"]
    assert form["A and A again"] > 0.7
    assert form["A and B"] < 0.5


def test_how_harmony_moves_is_measured(model, monkeypatch):
    roots = [0, 0, 5, 7, 0, 0, 5, 0]
    rows = [(4 * bar, 4.0, 48 + root + step, 80, 0) for bar, root in enumerate(roots) for step in (0, 4, 7, 12)]
    piece = Piece.of(*np.array(rows).T, tracks=(TrackInfo("", 0),), meters=(Meter(0.0, 4, 4),))
    found = movement(shipped_networks(), piece)
    assert found["changes a bar"] == 5 / 8
    assert found["bars with a new root"] == 5 / 7
    assert found["longest stretch"] == 2
    assert found["tonic"] == 5 / 8
    assert found["bits of roots"] == pytest.approx(1.299, abs=0.001)
    monkeypatch.setattr(obedience_harmony, "_STYLES", ("pop_piano",))
    monkeypatch.setattr(obedience_harmony, "_EACH", 2)
    measured = measure_harmony(model, [made_song(seed, bars=16) for seed in range(3)]).rows
    assert measured["composed, pop_piano"]["pieces"] == measured["real, pop_piano"]["pieces"] == 2
    assert measured["real, pop_piano"]["bits of roots"] < 1.6


def test_pieces_are_composed_in_the_order_of_their_requests(model):
    requests = random_requests(("pop_piano", "chorale"), 3)
    composed = compose(model, requests)
    assert [len(one.piece.bar_starts) for one in composed] == [request.bars for request in requests]
    assert composed[0].piece.tempos[0].quarters_per_minute == pytest.approx(requests[0].tempo, abs=0.01)
