"""Sliders obeyed for sure: the network's scores are tilted by what the bars written so far miss.

The network is told every slider as a control, but it follows the music that it has begun at least as much. So at
every bar line what is asked is compared with what is there, and the difference, now and added up (a PI controller),
tilts the scores of the fields that bear on it: towards nearer places for more onsets, longer notes and notes struck
together for more polyphony, higher pitches, louder notes. No slider is touched that was not asked for; pitches lean
towards the key. An instrument that has played nothing yet is called the louder the longer it waits.
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
    VELOCITY,
    Elements,
    decode,
)
from segue.plugins.transformer.grammar import Place, Rules


class Tilt(NamedTuple):
    """How far scores are tilted; also what is asked for, and the sum of what was missed; None where nothing is asked.

    Attributes
    ----------
    density, polyphony, register, loudness
        As in ``controls.Figures``; register is that of the piece with C as its tonic.
    """

    density: float | None = None
    polyphony: float | None = None
    register: float | None = None
    loudness: float | None = None


UPRIGHT: Final = Tilt()
"""No tilt."""
_GAIN: Final = Tilt(density=5.0, polyphony=1.5, register=0.05, loudness=0.04)
_SUM_GAIN: Final = Tilt(density=1.5, polyphony=0.4, register=0.025, loudness=0.03)
_MOST: Final = Tilt(density=10.0, polyphony=2.0, register=0.4, loudness=0.25)
_LEAST: Final = _MOST._replace(density=2.5)  # more would empty whole bars
_LONGEST_AHEAD: Final = 2 * GRID
_LOG_LENGTHS: Final = np.r_[0.0, np.log(np.minimum(LENGTHS / GRID, 2.0))]
_PITCHES: Final = np.r_[0.0, np.arange(128) - 60.0, np.zeros(FIELD_SIZES[PITCH] - 129)]
_VELOCITIES: Final = np.arange(FIELD_SIZES[VELOCITY]) * 10.0


def corrected(missed: Tilt, asked: Tilt, written: Elements, rules: Rules) -> tuple[Tilt, Tilt]:
    """Return the tilt after one more bar, and the sum of what was missed at its end and before."""
    notes = decode(written, 0)
    if asked == UPRIGHT or not len(notes.bar):
        return UPRIGHT, missed
    drums = rules.drums[notes.slot]
    seen = measure(notes, drums, int(notes.bar.max()) + 1, rules.steps, 120.0, minor=False)
    if not drums.all():
        seen = seen._replace(
            register=float(np.average(notes.pitch[~drums], weights=np.minimum(notes.length[~drums], rules.steps)))
        )
    tilt, sums = {}, {}
    for name, wish in asked._asdict().items():
        if wish is not None:
            error = wish - getattr(seen, name)
            sums[name] = (getattr(missed, name) or 0.0) + error
            pushed = getattr(_GAIN, name) * error + getattr(_SUM_GAIN, name) * sums[name]
            tilt[name] = float(np.clip(pushed, -getattr(_LEAST, name), getattr(_MOST, name)))
    return Tilt(**tilt), Tilt(**sums)


CALL: Final = 1.5
"""Added to the score of an instrument that has played nothing yet, for each bar that is over, in nats."""
_THIN: Final = 1.5
"""How much less dense a thin bar is made: nats for each quarter note from one place to the next."""


def tilted(
    scores: NDArray[np.float64], field: int, tilt: Tilt, at: Place, step: int, rules: Rules
) -> NDArray[np.float64]:
    """Return the scores of a field, shape (values,), tilted; ``step`` is where in the bar the next note is."""
    if len(rules.thin) and rules.thin[at.bar]:
        tilt = tilt._replace(density=(tilt.density or 0.0) - _THIN)
    if field == PLACE and (tilt.density is not None or tilt.polyphony is not None):
        ahead = np.arange(len(scores)) - FIRST_PLACE - max(at.place, 0)
        ahead[BAR] = min(rules.steps - max(at.place, 0), _LONGEST_AHEAD)
        scores = scores - (tilt.density or 0.0) * np.maximum(ahead, 0) / GRID
        if at.place >= 0:
            scores[FIRST_PLACE + at.place] += (tilt.polyphony or 0.0) - (tilt.density or 0.0)
    elif field == PITCH:
        scores = scores + rules.leaning_at(at.bar, step) + (tilt.register or 0.0) * _PITCHES
    elif field == LENGTH and tilt.polyphony is not None:
        scores = scores + tilt.polyphony * _LOG_LENGTHS
    elif field == VELOCITY and tilt.loudness is not None:
        scores = scores + tilt.loudness * _VELOCITIES
    return scores
