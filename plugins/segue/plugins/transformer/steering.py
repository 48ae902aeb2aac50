"""Sliders obeyed for sure: the network's scores are tilted by what the bars written so far miss.

The network is told every slider as a control, but it follows the music that it has begun at least as much. So at
every bar line what is asked is compared with what the last bars have, and what they miss in all (an integral controller
that forgets) tilts the scores of the fields that bear on it: towards nearer places for more onsets, longer notes and
notes struck together for more polyphony (for less, notes one by one, but no shorter: those are crumbs), higher pitches.
Velocities are drawn to the asked loudness, the more the farther they are from it. No slider is touched that was not
asked for; pitches lean towards the key. An instrument that has played nothing yet is called the louder the longer it
waits.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from segue.plugins.transformer.controls import measure
from segue.plugins.transformer.elements import (
    BAR,
    FIELD_SIZES,
    FIRST_PLACE,
    GRID,
    LENGTH,
    LENGTHS,
    PITCH,
    PLACE,
    VELOCITIES,
    VELOCITY,
    Elements,
    decode,
)
from segue.plugins.transformer.grammar import Place, Rules


class Tilt(NamedTuple):
    """How far scores are tilted; also what is asked for; None where nothing is asked.

    Attributes
    ----------
    density, polyphony, register, loudness
        As in ``controls.Figures``; register is that of the piece with C as its tonic; loudness is not a tilt but what
        velocities are drawn to.
    legato
        0-1: long notes, one after the other.
    """

    density: float | None = None
    polyphony: float | None = None
    register: float | None = None
    loudness: float | None = None
    legato: float | None = None


UPRIGHT: Final = Tilt()
"""No tilt."""
_WINDOW: Final = 8
"""Bars that are looked back at."""
_GAIN: Final = Tilt(density=4.0, polyphony=3.0, register=0.02)
"""Nats for what the bars miss in sum (of register, which is followed for long, on average). A tilt that would right it
all in the next bar swings from bar to bar.
"""
_MOST: Final = Tilt(density=10.0, polyphony=3.0, register=0.4)
_LEAST: Final = _MOST._replace(density=4.0, polyphony=10.0)
"""More density would empty whole bars; less polyphony would leave lead sheets their full chords."""
_LOUDNESS_SPREAD: Final = 12.0
"""How far from the asked loudness a velocity loses half a nat."""
_LONGER, _BROKEN = 2.0, 4.0
"""What all legato adds to a note e times as long, and takes from a note struck together with the last one, in nats."""
_LONGEST_AHEAD: Final = 2 * GRID
_LOG_LENGTHS: Final = np.r_[0.0, np.log(np.minimum(LENGTHS / GRID, 2.0))]
_PITCHES: Final = np.r_[0.0, np.arange(128) - 60.0, np.zeros(FIELD_SIZES[PITCH] - 129)]
_VELOCITIES: Final = np.r_[0, VELOCITIES]


def tilt_of(asked: Tilt, written: Elements, rules: Rules) -> Tilt:
    """Return how far the scores of the next bar are tilted."""
    lines = np.flatnonzero(written[:, PLACE] == BAR)[-_WINDOW:]
    notes = decode(written[lines[0] :], 0)
    tilt = UPRIGHT._replace(loudness=asked.loudness, legato=asked.legato)
    if asked == tilt or not len(notes.bar):
        return tilt
    drums = rules.drums[notes.slot]
    seen = measure(notes, drums, len(lines), rules.steps, 120.0, minor=False)
    if not drums.all():
        seen = seen._replace(
            register=float(np.average(notes.pitch[~drums], weights=np.minimum(notes.length[~drums], rules.steps)))
        )
    for name, gain in _GAIN._asdict().items():
        wish = getattr(asked, name)
        if gain is not None and wish is not None:
            missed = (wish - getattr(seen, name)) * (1 if name == "register" else len(lines))
            tilt = tilt._replace(**{name: float(np.clip(gain * missed, -getattr(_LEAST, name), getattr(_MOST, name)))})
    return tilt


CALL: Final = 1.5
"""Added to the score of an instrument that has played nothing yet, for each bar that is over, in nats."""
_THIN: Final = 1.5
"""How much less dense a thin bar is made: nats for each quarter note from one place to the next."""


def tilted(
    scores: NDArray[np.float64], field: int, tilt: Tilt, at: Place, step: int, rules: Rules
) -> NDArray[np.float64]:
    """Return the scores of a field, shape (values,), tilted; ``step`` is where in the bar the next note is."""
    density, polyphony, legato = tilt.density or 0.0, tilt.polyphony or 0.0, tilt.legato or 0.0
    if at.place < 0:
        density = max(density, 0.0)  # bars that were asked to be thin keep their first beat
    if len(rules.thin) and rules.thin[at.bar]:
        density -= _THIN
    if at.bar == rules.bars - 1:
        legato = 0.0  # the last chord is struck together
    if field == PLACE and (density or polyphony or legato):
        ahead = np.arange(len(scores)) - FIRST_PLACE - max(at.place, 0)
        ahead[BAR] = min(rules.steps - max(at.place, 0), _LONGEST_AHEAD)
        scores = scores - density * np.maximum(ahead, 0) / GRID
        if at.place >= 0:
            scores[FIRST_PLACE + at.place] += polyphony - density - _BROKEN * legato
    elif field == PITCH:
        scores = scores + rules.leaning_at(at.bar, step) + (tilt.register or 0.0) * _PITCHES
    elif field == LENGTH:
        longer = max(polyphony, -density, 0.0)  # short notes would be crumbs, or soon followed by others
        scores = scores + (longer + _LONGER * legato) * _LOG_LENGTHS
    elif field == VELOCITY and tilt.loudness is not None:
        scores = scores - ((_VELOCITIES - tilt.loudness) / _LOUDNESS_SPREAD) ** 2 / 2
    return scores
