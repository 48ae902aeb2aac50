"""The gateway half, with a model half in this process."""

import json
import math
import time
from types import SimpleNamespace

import numpy as np
import pytest
from segue.plugin_api import InvalidField
from segue.plugin_api.algorithm import Call
from segue.plugins.audio.plugin import AudioAnalyzer
from segue.plugins.style_audio.plugin import StyleAudio, StyleAudioOptions
from segue.v1.analyze_pb2 import AnalyzeRequest, AnalyzeResponse
from segue.v1.music_pb2 import Audio, Figure, Music
from segue.v1.transfer_pb2 import TransferRequest, TransferResponse, TransferStreamResponse

from .conftest import struck, to_music

MUSIC = to_music(struck((60, 64, 67), 2.0))


class Models:
    """Hears two beats, and answers with what it was told of them."""

    def __init__(self):
        self.asked = []

    async def stream(self, model, inputs):
        self.asked.append((model, AnalyzeRequest.FromString(inputs["request"]) if model == "audio" else inputs))
        if model == "audio":
            heard = AnalyzeResponse()
            heard.transcription.tracks.add().notes.add(start=0, duration=1, pitch=60, velocity=80)
            yield {"response": [heard.SerializeToString()]}
            return
        complete = TransferResponse(kept=[str(list(AnalyzeResponse.FromString(inputs["context"]).meter.beat_seconds))])
        yield {"response": [TransferStreamResponse(complete=complete).SerializeToString()]}

    async def infer(self, model, inputs):
        self.asked.append((model, inputs))
        heard = AnalyzeResponse()
        heard.meter.beat_seconds.extend([0.5, 1.0])
        return {"response": [heard.SerializeToString()]}


async def transfer(options=None, **target):
    models = Models()
    chosen = StyleAudioOptions.model_validate(options or {})
    call = Call(options=chosen, seed=3, models=models, plays=SimpleNamespace())
    answer = await StyleAudio().transfer(TransferRequest(music=MUSIC, **target), call)
    return answer, [name for name, _ in models.asked]


async def test_the_beats_that_were_heard_go_to_the_model():
    answer, asked = await transfer(style="rock")
    assert asked == ["style-audio", "audio", "score", "style-audio"]
    assert answer.kept == ["[0.5, 1.0]"]


@pytest.mark.parametrize(
    ("options", "target"),
    [({"rhythm": False}, {"style": "rock"}), ({}, {"style": "rock", "strength": 0.0}), ({}, {"example": MUSIC})],
)
async def test_nobody_listens_for_beats_that_are_not_needed(options, target):
    answer, asked = await transfer(options, **target)
    assert asked == ["style-audio"]
    assert answer.kept == ["[]"]


@pytest.mark.parametrize(("deadline", "seconds"), [(90.0, 90.0), (math.inf, 3600.0), (-5.0, 0.0)])
async def test_the_model_half_is_told_how_long_it_may_take(deadline, seconds):
    models = Models()
    call = Call(StyleAudioOptions(iterations=7), 3, models, SimpleNamespace(), time.monotonic() + deadline)
    await StyleAudio().transfer(TransferRequest(music=MUSIC, style="rock"), call)
    told = json.loads(models.asked[-1][1]["options"])
    assert told.pop("seconds") == pytest.approx(seconds, abs=1)
    assert told == call.options.model_dump() | {"check": False}
    assert json.loads(models.asked[0][1]["options"])["check"]


async def test_nobody_listens_to_a_recording_that_is_refused():
    models = Models()

    async def refuse(model, inputs):
        models.asked.append((model, inputs))
        raise InvalidField("music.audio.data", "lasts 600.0 seconds, must last 1 to 120")
        yield  # which makes it a stream

    models.stream = refuse
    call = Call(StyleAudioOptions(), 3, models, SimpleNamespace())
    with pytest.raises(InvalidField, match="lasts 600"):
        await StyleAudio().transfer(TransferRequest(music=MUSIC, style="rock"), call)
    assert [name for name, _ in models.asked] == ["style-audio"]


async def test_a_name_that_nothing_has_is_refused_at_once():
    with pytest.raises(InvalidField, match="style: is 'polka'"):
        await transfer(style="polka")


def test_it_takes_sound_alone_and_brings_the_listeners_models():
    assert StyleAudio.accepts == ("audio",)
    assert StyleAudio.models[1:] == AudioAnalyzer.models


def test_the_probe_is_answered_well(run):
    from .conftest import item

    request = StyleAudio().probe()
    options = StyleAudioOptions.model_validate(
        {name: int(value) if name == "iterations" else value for name, value in request.options.items()}
    )
    answer = run(item(request.music, options=options.model_dump(), style=request.style))[0][-1].complete
    StyleAudio().check_probe(answer)
    answer.figures[0].after = answer.figures[0].before + 1
    with pytest.raises(ValueError, match="must be nearer"):
        StyleAudio().check_probe(answer)
    nothing = TransferResponse(music=Music(audio=Audio(data=b"RIFF")), figures=[Figure(name="x")])
    with pytest.raises(ValueError, match="no FLAC file"):
        StyleAudio().check_probe(nothing)


@pytest.mark.parametrize(
    "options", [{"iterations": 4}, {"iterations": 101}, {"keep": -1}, {"keep": np.inf}, {"format": "mp3"}, {"wet": 1}]
)
def test_options_have_bounds(options):
    with pytest.raises(ValueError, match="validation error"):
        StyleAudioOptions.model_validate(options)
