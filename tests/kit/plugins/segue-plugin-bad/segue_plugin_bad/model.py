"""One model for all of them: what it does wrong is what the gateway half names in the context."""

import random
import time

import numpy as np
from segue.plugin_api import InvalidField
from segue.plugin_api.python_model import MessageModel
from segue.v1 import generate_pb2, music_pb2

NOT_FOLLOWED = (
    *("theme", "style", "emotion", "attributes", "chords", "form", "given", "image", "lyrics", "finish"),
    *("time_signature", "instruments"),
)


class BadModel(MessageModel):
    request_type = generate_pb2.GenerateRequest

    def load(self, artifacts, device):
        self.kept = []

    def answer(self, items):
        vices = [item.context.decode() for item in items]
        for vice in vices:
            if vice == "leak":
                self.kept.append(bytearray(200_000))
                self.kept[-1][::1000] = b"x" * 200
            if vice == "concurrency":
                time.sleep(0.005)  # the others arrive meanwhile
        wrong = [item for item, vice in zip(items, vices, strict=True) if vice == "concurrency"]
        return [
            self.compose(wrong[0] if vice == "concurrency" else item, vice)
            for item, vice in zip(items, vices, strict=True)
        ]

    def compose(self, item, vice):
        asked = {descriptor.name for descriptor, _ in item.request.ListFields()}
        if vice == "bad-input" and "given" in asked:
            raise ValueError("no MIDI file")
        for name in NOT_FOLLOWED:
            if name in asked:
                return InvalidField(name, "is not followed; leave it out")
        seed = random.getrandbits(32) if vice == "seed" else item.seed
        count = 1 if vice == "verb" else item.request.count or 1
        return generate_pb2.GenerateResponse(pieces=[self.piece(item.request, seed + n) for n in range(count)])

    def piece(self, request, seed):
        rng = np.random.default_rng(seed)
        bars = request.bars or 2
        track = music_pb2.Track(name="Piano")
        for beat in range(4 * bars):
            track.notes.add(start=beat, duration=1, pitch=48 + request.key.tonic + int(rng.integers(12)), velocity=64)
        tempo = request.tempo or 100.0
        score = music_pb2.Score(tracks=[track], tempos=[music_pb2.TempoChange(quarters_per_minute=tempo)])
        return generate_pb2.Piece(music=music_pb2.Music(score=score), bars=bars, tempo=tempo)
