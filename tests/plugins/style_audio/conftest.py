"""Fixtures: the shipped model, sounds to send it, and helpers that ask it."""

import io

import numpy as np
import pytest
import soundfile
import torch
from segue.plugin_api.python_model import Item
from segue.plugins.style_audio.model import StyleAudioModel
from segue.plugins.style_audio.plugin import StyleAudio, StyleAudioOptions
from segue.v1 import music_pb2
from segue.v1.transfer_pb2 import TransferRequest

from ..in_process import run_to_the_end

RATE = 44_100


def struck(pitches, seconds, rate=RATE, every=0.5):
    """A chord of plucked strings that is struck again and again, shape (n,)."""
    time = np.arange(round(seconds * rate)) / rate
    since = time % every
    tones = [
        np.sin(2 * np.pi * 440 * 2 ** ((pitch - 69) / 12) * n * time) * np.exp(-4 * n**0.5 * since) / n
        for pitch in pitches
        for n in range(1, 7)
    ]
    return (0.03 * np.sum(tones, axis=0)).astype(np.float32)


def to_file(samples, rate=RATE, form="WAV"):
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format=form)
    return file.getvalue()


def to_music(samples, rate=RATE, form="WAV"):
    return music_pb2.Music(audio=music_pb2.Audio(data=to_file(samples, rate, form)))


def read(response):
    """Return samples, shape (n, channels), and the rate of an answer."""
    return soundfile.read(io.BytesIO(response.music.audio.data), always_2d=True)


def item(music, options=None, seed=1, context=b"", waited=0.0, **target):
    asked = StyleAudioOptions().model_dump() | {"iterations": 5, "seconds": 600.0, "check": False} | (options or {})
    return Item(TransferRequest(music=music, **(target or {"style": "rock"})), asked, seed, context, waited)


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """Small networks are slower on many threads, and cores are shared."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def model():
    loaded = StyleAudioModel()
    loaded.load(StyleAudio.models[0].shipped / "1", "cpu")
    return loaded


@pytest.fixture
def run(model):
    """Run items to the end, together; return all messages of each."""

    return lambda *items: run_to_the_end(model, items)


@pytest.fixture
def ask(run):
    """Run one item to the end and return the answer."""
    return lambda *args, **kwargs: run(item(*args, **kwargs))[0][-1].complete
