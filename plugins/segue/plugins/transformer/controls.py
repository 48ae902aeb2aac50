"""What can be asked of a piece, measured in music and given to the network as controls.

Every figure is computed from the notes themselves, so training pieces need no labels but their style. Emotion is such a
figure too: there is no labelled set whose licence lets weights ship, so valence and arousal are *proxies*, sums of
standardised figures with the signs on which the literature agrees [1]_ [2]_: arousal rises with tempo, onsets a second
and loudness, valence with the major mode and, less, with tempo and register.

References
----------
.. [1] A. Gabrielsson and E. Lindström, "The role of structure in the musical expression of emotions", in *Handbook of
   Music and Emotion*, 2010.
.. [2] R. Panda, R. Malheiro and R. P. Paiva, "Audio features for music emotion recognition: a survey", IEEE
   Transactions on Affective Computing, 2020.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from segue.plugins.transformer.elements import GRID, Notes

STYLES: Final = (
    "arpeggio", "bossanova", "chorale", "disco", "folk", "hiphop", "house", "hymn", "jazz_combo", "jazz_swing",
    "lead_sheet", "pop_8beat", "pop_ballad", "pop_piano", "ragtime", "rock", "salsa", "techno", "trance",
)  # fmt: skip
CONTROLS: Final[Mapping[str, int]] = {
    "style": len(STYLES),
    "mode": 2,
    "metre": 3,
    "tempo": 16,
    "density": 16,
    "polyphony": 12,
    "register": 24,
    "loudness": 8,
    "valence": 5,
    "arousal": 5,
    "lead": 2,
}
"""Controls and how many values each has; for the network 0 says nothing and values count from 1."""
_LOW_HIGH: Final = {
    "tempo": (np.log(45), np.log(220)),
    "density": (np.log(0.4), np.log(8.0)),
    "polyphony": (0.0, np.log(12.0)),
    "register": (40.0, 88.0),
    "loudness": (20.0, 124.0),
    "valence": (-1.0, 1.0),
    "arousal": (-1.0, 1.0),
}
# Mean and standard deviation over the training pieces' segments, rounded.
_TYPICAL: Final = {"tempo": (4.6, 0.3), "onsets": (1.3, 0.6), "loudness": (80.0, 16.0), "register": (62.0, 5.0)}


class Figures(NamedTuple):
    """What is measured in a piece.

    Attributes
    ----------
    tempo
        Logarithm of the quarter notes per minute.
    density
        Logarithm of the moments at which something begins, per quarter note.
    polyphony
        Logarithm of the pitched notes that sound together, silence left out.
    register
        Mean pitch of the pitched notes.
    loudness
        Mean velocity.
    valence, arousal
        Proxies, -1 to 1.
    """

    tempo: float
    density: float
    polyphony: float
    register: float
    loudness: float
    valence: float
    arousal: float


def measure(notes: Notes, is_drum: NDArray[np.bool_], bars: int, steps: int, tempo: float, minor: bool) -> Figures:
    """Measure some bars.

    Parameters
    ----------
    notes
        Those of the bars, at least one.
    is_drum
        Whether each note is of a drum kit.
    bars, steps
        How many bars, and steps of the grid in one.
    tempo
        Quarter notes per minute.
    minor
        Whether the key is minor.
    """
    quarters = bars * steps / GRID
    at = notes.bar * steps + notes.place
    density = np.log(max(len(np.unique(at)) / quarters, 0.1))
    start, length, pitch = at[~is_drum], notes.length[~is_drum], notes.pitch[~is_drum]
    sounding = np.zeros(bars * steps + 1)
    np.add.at(sounding, np.minimum(start, bars * steps), 1)
    np.add.at(sounding, np.minimum(start + length, bars * steps), -1)
    sounding = np.cumsum(sounding)[:-1]
    heard = sounding[sounding > 0]
    register = float(pitch.mean()) if len(pitch) else _TYPICAL["register"][0]
    loudness, pace = float(notes.velocity.mean()), float(np.log(tempo))
    valence, arousal = proxies(pace, float(density), register, loudness, minor)
    polyphony = float(np.log(heard.mean())) if len(heard) else 0.0
    return Figures(pace, float(density), polyphony, register, loudness, valence, arousal)


def proxies(tempo: float, density: float, register: float, loudness: float, minor: bool) -> tuple[float, float]:
    """Return the proxies of valence and arousal, each -1 to 1; the figures are those of ``Figures``."""
    onsets = density + tempo - np.log(60)
    seen = {"tempo": tempo, "onsets": onsets, "loudness": loudness, "register": register}
    z = {name: (value - _TYPICAL[name][0]) / _TYPICAL[name][1] for name, value in seen.items()}
    valence = (-1.0 if minor else 0.6) + 0.3 * z["tempo"] + 0.2 * z["register"]
    arousal = 0.4 * z["tempo"] + 0.5 * z["onsets"] + 0.4 * z["loudness"]
    return float(np.tanh(valence)), float(np.tanh(arousal))


def towards(
    figures: Figures, minor: bool, valence: float | None, arousal: float | None, fixed: frozenset[str]
) -> Figures:
    """Move figures until the proxies are as asked for, as little as possible and leaving alone what is fixed.

    Each figure goes at most one and a half standard deviations (register three semitones: farther there is no bass),
    and never against the wish: a sad piece that is slow already is not set higher to be no sadder than asked. Loudness
    and onsets a second follow the arousal in any case: a slow piece that is loud isn't heard as calm.
    """
    if arousal is not None:
        wanted = np.arctanh(np.clip(arousal, -0.95, 0.95))
        weights = {"tempo": 0.65, "density": 0.5, "loudness": 0.4}  # more onsets a second go with a faster tempo
        now = np.arctanh(np.clip(proxies(*_seen(figures), minor)[1], -0.999, 0.999))
        figures = _moved(figures, weights, _with_the_wish(arousal, float(wanted - now)), fixed)
        figures = _beyond(figures, arousal, fixed)
    if valence is not None:
        wanted = np.arctanh(np.clip(valence, -0.95, 0.95))
        now = np.arctanh(np.clip(proxies(*_seen(figures), minor)[0], -0.999, 0.999))
        figures = _moved(figures, {"register": 0.2}, _with_the_wish(valence, float(wanted - now)), fixed)
    felt = proxies(*_seen(figures), minor)
    return figures._replace(valence=felt[0], arousal=felt[1])


def _beyond(figures: Figures, arousal: float, fixed: frozenset[str]) -> Figures:
    """Move loudness and onsets a second towards where music is heard as calm, or excited; beyond that they stay."""
    further, sign = (min, -1) if arousal < 0 else (max, 1)
    (loudness, spread), (onsets, apart) = _TYPICAL["loudness"], _TYPICAL["onsets"]
    density = onsets + sign * apart - figures.tempo + float(np.log(60))
    ends = {
        "loudness": further(loudness + sign * 2 * spread, figures.loudness),
        "density": further(density, figures.density),
    }
    steps = {n: abs(arousal) * (end - getattr(figures, n)) for n, end in ends.items() if n not in fixed}
    return figures._replace(**{n: getattr(figures, n) + step for n, step in steps.items()})


def _with_the_wish(wish: float, far: float) -> float:
    return far if far * wish >= 0 else 0.0


def _seen(figures: Figures) -> tuple[float, float, float, float]:
    return figures.tempo, figures.density, figures.register, figures.loudness


def _moved(figures: Figures, weights: Mapping[str, float], far: float, fixed: frozenset[str]) -> Figures:
    free = {name: weight for name, weight in weights.items() if name not in fixed}
    size = sum(weight**2 for weight in free.values())
    spread = {name: _TYPICAL["onsets" if name == "density" else name][1] for name in free}
    most = {name: 0.6 if name == "register" else 1.5 for name in free}
    share = {name: float(np.clip(far * weight / size, -most[name], most[name])) for name, weight in free.items()}
    steps = {name: share[name] * spread[name] for name in free}
    return figures._replace(**{name: getattr(figures, name) + step for name, step in steps.items()})


def to_value(name: str, figure: float) -> int:
    """Return the control's value, counted from 1, for a figure; figures beyond the ends take the last value."""
    low, high = _LOW_HIGH[name]
    return 1 + int(np.clip((figure - low) / (high - low) * CONTROLS[name], 0, CONTROLS[name] - 1))


def control_values(style: str, minor: bool, metre: int, lead: bool, figures: Figures, shift: int) -> NDArray[np.int64]:
    """Return the value of each control, shape (len(CONTROLS),), in the order of ``CONTROLS``.

    ``shift`` is how far the piece is moved to have C as its tonic: its register is that of the moved piece.
    """
    known = {"style": 1 + STYLES.index(style), "mode": 1 + minor, "metre": 1 + metre, "lead": 1 + lead}
    moved = figures._replace(register=figures.register + shift)
    known |= {name: to_value(name, getattr(moved, name)) for name in _LOW_HIGH}
    return np.array([known[name] for name in CONTROLS])
