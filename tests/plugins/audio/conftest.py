import io

import numpy as np
import pytest
import soundfile
import torch
from segue.plugin_api.python_model import Item
from segue.plugins.audio.model import AudioModel
from segue.plugins.audio.plugin import AudioAnalyzer
from segue.v1 import analyze_pb2, music_pb2

from ..in_process import run_to_the_end

RATE = 22_050


def struck(pitches, seconds, rate=RATE):
    """A chord of plucked strings: eight partials that die away."""
    time = np.arange(round(seconds * rate)) / rate
    tones = [
        np.sin(2 * np.pi * 440 * 2 ** ((pitch - 69) / 12) * n * time) * np.exp(-2 * n**0.5 * time) / n
        for pitch in pitches
        for n in range(1, 9)
    ]
    return 0.1 * np.sum(tones, axis=0)


def to_file(samples, rate=RATE, form="WAV", subtype=None):
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format=form, subtype=subtype)
    return file.getvalue()


def request(data, *aspects):
    return analyze_pb2.AnalyzeRequest(music=music_pb2.Music(audio=music_pb2.Audio(data=data)), aspects=aspects)


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """Small networks are slower on many threads, and cores are shared."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def model():
    loaded = AudioModel()
    loaded.load(AudioAnalyzer.models[0].shipped / "1", "cpu")
    return loaded


@pytest.fixture
def listen(model):
    """Run recordings to the end, together; return what is answered to each."""

    def run(*requests):
        return [messages[-1] for messages in run_to_the_end(model, [Item(one, {}, 0) for one in requests])]

    return run
