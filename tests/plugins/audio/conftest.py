import io

import numpy as np
import pytest
import soundfile
import torch
from segue.plugin_api.python_model import Item
from segue.plugins.audio.model import AudioModel
from segue.plugins.audio.plugin import AudioAnalyzer
from segue.v1 import analyze_pb2, music_pb2

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
        sessions = [model.start(Item(one, {}, 0)) for one in requests]
        answers = [None] * len(sessions)
        for _ in range(1000):
            open_ones = [n for n, answer in enumerate(answers) if answer is None]
            if not open_ones:
                return answers
            for n, step in zip(open_ones, model.step([sessions[n] for n in open_ones]), strict=True):
                if step.done:
                    answers[n] = step.responses[0]
        raise AssertionError("it never came to an end")

    return run
