"""Sound by tinysoundfont and the General MIDI SoundFont that comes with pretty_midi. Times in seconds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import tinysoundfont
from numpy.typing import NDArray
from segue.client._errors import InvalidMusic
from segue.client.media._notes import read_midi

SAMPLE_RATE = 44_100
_BLOCK = 64  # events are placed to this many samples: 1.5 ms
_TAIL_SECONDS = 5.0
_SILENCE = 1e-4
_PEAK = 10 ** (-1 / 20)  # -1 dB of full scale
_DRUM_CHANNEL = 9
_SUSTAIN = 64
_CONTROLS = (1, 7, 10, 11, 64)  # modulation, volume, pan, expression, sustain

# Seconds, order at one time (ends, then changes, then starts), what to do.
_Event = tuple[float, int, Callable[[], Any]]


def render(midi: bytes, path: Path, *, max_seconds: float) -> float:
    """Render a MIDI file; see `segue.client.media.render_wav`."""
    score = read_midi(midi).to("second")
    synth = tinysoundfont.Synth(gain=-12, samplerate=SAMPLE_RATE)
    font = synth.sfload(str(_soundfont()))
    events = sorted(_events(score, synth, font), key=lambda event: event[:2])
    samples = _trim(_play(synth, events, max_seconds))
    peak = float(np.abs(samples).max(initial=0.0))
    if peak < _SILENCE:
        raise InvalidMusic.at("music", "nothing sounds in it; it needs notes with a velocity above 0")
    samples *= _PEAK / peak
    fade = min(len(samples), SAMPLE_RATE // 20)
    samples[len(samples) - fade :] *= np.linspace(1.0, 0.0, fade, dtype=np.float32)[:, None]
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.rint(samples * 32767).astype(np.int16), SAMPLE_RATE)
    return len(samples) / SAMPLE_RATE


def _soundfont() -> Path:
    spec = find_spec("pretty_midi")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("pretty_midi")
    return Path(spec.origin).with_name("TimGM6mb.sf2")


def _events(score: Any, synth: tinysoundfont.Synth, font: int) -> Iterator[_Event]:
    channels: dict[int, int] = {}
    pitched = [channel for channel in range(16) if channel != _DRUM_CHANNEL]
    for track in score.tracks:
        if track.is_drum:
            channel = _DRUM_CHANNEL
            synth.program_change(channel, track.program, True)
        else:
            # A channel for each instrument; from the sixteenth on they share the sound of an earlier one.
            channel = channels.setdefault(track.program, pitched[len(channels) % len(pitched)])
            if list(channels.values()).count(channel) == 1:
                synth.program_select(channel, font, 0, track.program)
        for note in track.notes:
            if note.velocity > 0:
                yield note.time, 2, partial(synth.noteon, channel, note.pitch, note.velocity)
                yield note.time + note.duration, 0, partial(synth.noteoff, channel, note.pitch)
        for pedal in track.pedals:
            yield pedal.time, 1, partial(synth.control_change, channel, _SUSTAIN, 127)
            yield pedal.time + pedal.duration, 1, partial(synth.control_change, channel, _SUSTAIN, 0)
        for control in track.controls:
            if control.number in _CONTROLS:
                yield control.time, 1, partial(synth.control_change, channel, control.number, control.value)
        for bend in track.pitch_bends:
            yield bend.time, 1, partial(synth.pitchbend, channel, min(max(bend.value + 8192, 0), 16383))


def _play(synth: tinysoundfont.Synth, events: list[_Event], max_seconds: float) -> NDArray[np.float32]:
    """Return samples, shape (n, 2), with room for the last note to die away."""
    end = min(max((time for time, *_ in events), default=0.0), max_seconds)
    samples = np.zeros((round((end + _TAIL_SECONDS) * SAMPLE_RATE), 2), dtype=np.float32)
    now = 0

    def advance(to: int) -> None:
        nonlocal now
        while now < to:
            count = min(to - now, SAMPLE_RATE)
            samples[now : now + count] = np.frombuffer(synth.generate(count), dtype=np.float32).reshape(-1, 2)
            now += count

    for time, _, do in events:
        if time > end:
            break
        advance(min(round(time * SAMPLE_RATE / _BLOCK) * _BLOCK, len(samples)))
        do()
    for channel in range(16):
        synth.control_change(channel, _SUSTAIN, 0)
    synth.notes_off()
    advance(len(samples))
    return samples


def _trim(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Cut the silence at the end."""
    audible = np.flatnonzero(np.abs(samples).max(axis=1) > _SILENCE)
    return samples[: audible[-1] + 1] if len(audible) else samples[:0]
