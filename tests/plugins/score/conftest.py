import pytest
from segue.music import Piece, TrackInfo
from segue.music.theory import QUALITIES
from segue.plugin_api.python_model import Item
from segue.plugins.score.emotion import EmotionModel
from segue.plugins.score.model import ScoreModel
from segue.plugins.score.networks import shipped_networks
from segue.plugins.score.plugin import EmotionAnalyzer, ScoreAnalyzer
from segue.v1 import analyze_pb2


def chord_notes(progression, beats=2.0):
    """Four voices on one track each: [(root, quality), ...] as a list of note rows."""
    rows = []
    for place, (root, quality) in enumerate(progression):
        tones = [(root + step) % 12 for step in QUALITIES[quality]][-3:]  # a seventh leaves the root to the bass
        upper = sorted(60 + tone for tone in tones)
        rows += [(place * beats, beats, pitch, 2 - voice) for voice, pitch in enumerate(upper)]
        rows.append((place * beats, beats, 40 + (root - 40) % 12, 3))
    return rows


@pytest.fixture
def piece_of():
    def make(progression, beats=2.0, **about):
        start, duration, pitch, track = zip(*chord_notes(progression, beats), strict=True)
        tracks = tuple(TrackInfo(name) for name in "SATB")
        return Piece.of(start, duration, pitch, 64, track, tracks=tracks, **about)

    return make


@pytest.fixture(scope="session")
def model():
    loaded = ScoreModel()
    spec = ScoreAnalyzer.models[0]
    loaded.load(spec.shipped / "1", "cpu")
    return loaded


@pytest.fixture
def analyze(model):
    def call(music, *aspects, **options):
        chosen = ScoreAnalyzer.Options(**options).model_dump()
        request = analyze_pb2.AnalyzeRequest(music=music, aspects=aspects)
        return model.answer([Item(request, chosen, 0)])[0]

    return call


@pytest.fixture(scope="session")
def emotion():
    loaded = EmotionModel()
    loaded.load(EmotionAnalyzer.models[0].shipped / "1", "cpu")
    return loaded


@pytest.fixture(scope="session")
def networks():
    return shipped_networks()
