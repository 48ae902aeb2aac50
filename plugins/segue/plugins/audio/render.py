"""Pieces made to sound by a SoundFont, to measure what is heard against what was played."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from segue.music import Piece
from segue.plugin_api.errors import InvalidRequest

RATE: Final = 44_100
_TAIL_SECONDS: Final = 2.0
_DRUM_CHANNEL: Final = 9
_PEAK: Final = 0.89


def render(piece: Piece, max_seconds: float) -> NDArray[np.float32]:
    """Play a piece as ``play`` does, its peak 1 dB below full scale."""
    played = play(piece, max_seconds)
    return np.asarray(played * (_PEAK / max(float(np.abs(played).max()), 1e-6)), np.float32)


def play(piece: Piece, max_seconds: float) -> NDArray[np.float32]:
    """Play a piece with the General MIDI SoundFont TimGM6mb that comes with pretty_midi.

    Returns
    -------
    ndarray of float32, shape (n, 2)
        At 44.1 kHz, as loud as the notes are struck.

    Raises
    ------
    InvalidRequest
        If tinysoundfont or pretty_midi is not installed.
    """
    font = find_spec("pretty_midi")
    if find_spec("tinysoundfont") is None or font is None or font.origin is None:
        raise InvalidRequest("data", "can't be made to sound: pip install 'segue[media]', --no-deps tinysoundfont")
    import tinysoundfont

    synth = tinysoundfont.Synth(gain=-12, samplerate=RATE)
    sound = synth.sfload(str(Path(font.origin).with_name("TimGM6mb.sf2")))
    channels = [channel for channel in range(16) if channel != _DRUM_CHANNEL]
    places: list[int] = []
    for number, track in enumerate(piece.tracks):
        places.append(_DRUM_CHANNEL if track.drums else channels[number % len(channels)])
        if track.drums:
            synth.program_change(_DRUM_CHANNEL, 0, True)
        else:
            synth.program_select(places[-1], sound, 0, track.program)
    starts, ends = piece.beats_to_seconds(piece.start), piece.beats_to_seconds(piece.end)
    on = [(t, 1, n) for n, t in enumerate(starts.tolist()) if t < max_seconds]
    events = sorted(on + [(min(ends[n], max_seconds), 0, n) for _, _, n in on])
    samples: list[NDArray[np.float32]] = []
    done = 0
    for time, begins, note in [*events, (max(end for end, _, _ in events) + _TAIL_SECONDS, -1, 0)]:
        if (count := round(time * RATE) - done) > 0:
            samples.append(np.frombuffer(synth.generate(count), np.float32).reshape(-1, 2).copy())
            done += count
        place, pitch = places[piece.track[note]], int(piece.pitch[note])
        if begins == 1:
            synth.noteon(place, pitch, int(piece.velocity[note]))
        elif begins == 0:
            synth.noteoff(place, pitch)
    return np.concatenate(samples)
