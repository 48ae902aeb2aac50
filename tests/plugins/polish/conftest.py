from pathlib import Path

import numpy as np
import pytest
from segue.music import Meter, Piece, Syllable, Tempo, TrackInfo, piece_to_midi
from segue.plugin_api.errors import SegueError
from segue.plugin_api.python_model import Item
from segue.plugins.polish import models
from segue.plugins.polish.model import PolishModel
from segue.plugins.polish.plugin import Polish, PolishOptions
from segue.v1 import music_pb2, transfer_pb2

WEIGHTS = Path(Polish.models[0].shipped) / "1"


@pytest.fixture(scope="session")
def model():
    model = PolishModel()
    model.load(WEIGHTS, "cpu")
    return model


@pytest.fixture(scope="session")
def trained():
    return models.load(WEIGHTS)


@pytest.fixture(scope="session")
def networks(trained):
    return trained.networks


def told(model, *items):
    """Run requests side by side; return what is told of each, message by message, the last an answer or an error."""
    found, live = [[] for _ in items], {number: model.start(item) for number, item in enumerate(items)}
    while live:
        for number, step in zip(list(live), model.step(list(live.values())), strict=True):
            failed = isinstance(step, SegueError)
            found[number].extend([step] if failed else step.responses)
            if failed or step.done:
                del live[number]
    return found


def answers(model, *items):
    """Return the answer or the error of each request."""
    last = [messages[-1] for messages in told(model, *items)]
    return [one if isinstance(one, SegueError) else one.complete for one in last]


@pytest.fixture
def song():
    """Thirty-two bars of I vi IV V: a tune in eighths over chords, the same eight bars four times."""
    rows = []
    for bar in range(32):
        root = (60, 57, 53, 55)[bar % 4]
        third = 3 if bar % 4 == 1 else 4
        rows += [(4 * bar + half, 2.0, root + step, 1) for half in (0, 2) for step in (0, third, 7)]
        tune = (12, 14, 16, 14, 12, 11, 12, 12) if bar % 8 < 7 else (11, 9, 7, 9, 11, 12, 14, 11)
        rows += [(4 * bar + eighth / 2, 0.5, 60 + step, 0) for eighth, step in enumerate(tune)]
    start, duration, pitch, track = np.array(rows).T
    return Piece.of(
        start,
        duration,
        pitch,
        80,
        track,
        tracks=(TrackInfo("Tune", 73), TrackInfo("Piano", 0)),
        tempos=(Tempo(0.0, 96.0), Tempo(64.0, 90.0)),
        meters=(Meter(0.0, 4, 4),),
        lyrics=(Syllable(0.0, "la"), Syllable(0.5, "li")),
    )


@pytest.fixture
def ask(model):
    def send(music, options=None, strength=None, kinds=(), edit_ids=()):
        if isinstance(music, Piece):
            music = music_pb2.Music(midi=piece_to_midi(music))
        request = transfer_pb2.TransferRequest(
            music=music, polish=transfer_pb2.Polish(kinds=kinds, edit_ids=edit_ids), strength=strength
        )
        return answers(model, Item(request, PolishOptions(**(options or {})).model_dump(), 0))[0]

    return send
