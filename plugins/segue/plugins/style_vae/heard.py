"""Which emotion is heard in what was rewritten towards one: by the classifier of ``emotion``, on EMOPIA's test clips.

That classifier's training data forbid commercial use; it measures here and is part of nothing that is shipped.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
from rich.console import Console
from rich.progress import track
from segue.music import midi_to_piece, piece_to_midi
from segue.music.reading import Reading
from segue.plugin_api.training import Report
from segue.plugins.score.emotion import Listeners
from segue.plugins.score.emotion_train import emopia
from segue.plugins.score.networks import shipped_networks
from segue.plugins.score.plugin import EmotionAnalyzer
from segue.plugins.style.hearing import hear
from segue.plugins.style_vae.artifacts import Artifacts
from segue.plugins.style_vae.model import transfer
from segue.v1 import music_pb2, transfer_pb2

_CLIPS: Final = 20
_HIGH_AROUSAL: Final = (0, 1)
_HIGH_VALENCE: Final = (0, 3)


def emotion_report(made: Artifacts, data: Path, console: Console) -> Report:
    """Rewrite clips towards each quadrant and let the classifier hear them."""
    folder = EmotionAnalyzer.models[0].shipped
    assert folder is not None
    listeners, networks = Listeners.load(folder / "1"), shipped_networks()
    clips = emopia(data, "test")
    chosen = clips[1 :: max(len(clips) // _CLIPS, 1)][:_CLIPS]
    heard: dict[str, list[tuple[int, int]]] = {"identity": [], "melody kept": [], "mode follows": []}
    for clip in track(chosen, "emotion", console=console):
        music = music_pb2.Music(midi=piece_to_midi(clip.piece))
        analysis = hear(music.midi, networks)
        for asked in range(4):
            emotion = music_pb2.Emotion(quadrant=music_pb2.EmotionQuadrant.ValueType(asked + 1))
            request = transfer_pb2.TransferRequest(music=music, attributes=music_pb2.Attributes(emotion=emotion))
            pieces = {"identity": music.midi}
            for name, mode in (("melody kept", "keep"), ("mode follows", "follow")):
                answer = transfer(request, {"tempo": "follow", "mode": mode}, analysis, made)
                pieces[name] = answer.music.midi
            for name, midi in pieces.items():
                shares = listeners.vote(listeners.hear([Reading(midi_to_piece(midi)[0].without_drums())]))[0]
                heard[name].append((asked, int(shares.argmax())))
    table = {}
    for name, pairs in heard.items():
        asked, got = np.array(pairs).T
        table[name] = {
            "quadrant": float((asked == got).mean()),
            "arousal": float((np.isin(asked, _HIGH_AROUSAL) == np.isin(got, _HIGH_AROUSAL)).mean()),
            "valence": float((np.isin(asked, _HIGH_VALENCE) == np.isin(got, _HIGH_VALENCE)).mean()),
        }
    table["chance"] = {"quadrant": 0.25, "arousal": 0.5, "valence": 0.5}
    return Report(
        f"{len(chosen)} test clips of EMOPIA, each rewritten towards all four quadrants: the share in which the "
        "classifier of emotion, itself right about two thirds of such clips, hears the quadrant, the arousal and the "
        "valence that were asked for.",
        table,
    )
