"""What the network is told, as class indices: written once for training (all frames at once) and for composing.

Every function takes arrays with any leading axes ``...`` and adds one last axis of features. ``FRAME_SIZES`` and
``voice_sizes`` state the number of classes of each feature.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from segue.plugins.chorale.frames import (
    BAR_CLASSES,
    CYCLE,
    HIDDEN,
    HOLDS,
    LOWEST,
    MATCHES,
    NO_NOTE,
    ORDER,
    PITCHES,
    REMAINING_CLASSES,
    START,
    TIME_CLASSES,
    TOKENS,
)

Index = NDArray[np.int64]

_PITCH_CLASSES = 14
_HOLD_CLASSES = len(HOLDS) + 2
_MATCH_CLASSES = len(MATCHES) + 1
_STEP = 13
_STEPS = 2 * _STEP + 2
_MOTIONS = 3 * _PITCH_CLASSES
_PAIRS: Final = ((0, 3), (1, 3), (2, 3), (0, 1), (1, 2))
NO_CANDIDATE: Final = START

FRAME_SIZES: Final = (
    *(TOKENS, _PITCH_CLASSES, _HOLD_CLASSES) * 4,
    *(_PITCH_CLASSES,) * len(_PAIRS),
    *(CYCLE, BAR_CLASSES, 12, 5, REMAINING_CLASSES, TIME_CLASSES),
    *(_MATCH_CLASSES,) * 5,
    *(_STEPS,) * 8,
)
GIVEN_SIZES: Final = (*(TOKENS, _PITCH_CLASSES) * 4, CYCLE, BAR_CLASSES)


def voice_sizes(turn: int) -> tuple[int, ...]:
    """Classes of the features of the voice that is chosen in some turn, 0-3."""
    own = (TOKENS, _PITCH_CLASSES, _HOLD_CLASSES, CYCLE, BAR_CLASSES, _MATCH_CLASSES, _MATCH_CLASSES, _STEPS, _STEPS)
    return (*own, *(TOKENS, _PITCH_CLASSES, _STEPS) * turn, *(_PITCH_CLASSES, _MOTIONS) * turn)


class Past(NamedTuple):
    """What precedes a frame.

    Attributes
    ----------
    tokens
        The frame before, shape (..., 4); ``START`` where there is none.
    hold
        Frames for which each voice has sounded that token, shape (..., 4); 0 at the start.
    lengths
        Lengths of the longest matches, shape (..., 5): all voices, then each.
    candidates
        How they went on, shape (..., 2, 4): the match of all voices, then each voice's own.
    """

    tokens: Index
    hold: Index
    lengths: Index
    candidates: Index


class Setting(NamedTuple):
    """Where a frame stands, each shape (...); 0 (``UNKNOWN``) where the model is not to know.

    Attributes
    ----------
    frame
        Frames since the start.
    bar
        ``bar_class`` or 0.
    shift
        ``shift_of`` the reference, -6 to 5.
    mode
        ``MAJOR``, ``MINOR``, ``ELSEWHERE`` or 0.
    remaining
        ``remaining_class`` or 0.
    """

    frame: Index
    bar: Index
    shift: Index
    mode: Index
    remaining: Index


def make_past(tokens: Index, hold: Index, lengths: Index, followed: Index) -> Past:
    """Keep of the passages that ``memory.recall`` found those that are long enough to tell something."""
    together = np.where(lengths[..., :1] >= MATCHES[0], followed[..., 0, :], NO_CANDIDATE)
    alone = np.diagonal(followed[..., 1:, :], axis1=-2, axis2=-1)
    alone = np.where(lengths[..., 1:] >= MATCHES[0], alone, NO_CANDIDATE)
    return Past(tokens, hold, lengths, np.stack([together, alone], -2))


def _tables() -> tuple[Index, Index, Index]:
    """Make the tables behind ``pitch_class``, ``_interval`` and ``_step``."""
    token = np.arange(TOKENS)
    no_note, beyond = token == NO_NOTE, token > PITCHES
    classes = np.where(no_note, 12, np.where(beyond, 13, (token - 1 + LOWEST) % 12))
    a, b = token[:, None], token[None]
    intervals = np.where(no_note | no_note[:, None], 12, np.where(beyond | beyond[:, None], 13, (a - b) % 12))
    silent = no_note | beyond
    steps = np.where(silent | silent[:, None], _STEPS - 1, np.clip(a - b, -_STEP, _STEP) + _STEP)
    return classes, intervals, steps


_CLASS, _INTERVAL, _MELODIC = _tables()


def pitch_class(tokens: Index) -> Index:
    """0-11; 12 for a rest, 13 where there is no note yet."""
    return np.asarray(_CLASS[tokens])


def _interval(upper: Index, lower: Index) -> Index:
    """Interval within the octave; 12 where one rests, 13 where there is no note yet."""
    return np.asarray(_INTERVAL[upper, lower])


def _step(to: Index, origin: Index) -> Index:
    """Melodic step from one token to another; the last class where one of them is no pitch."""
    return np.asarray(_MELODIC[to, origin])


def _motion(to: Index, origin: Index, own: Index) -> Index:
    """Interval from which another voice moves on, and whether it falls, stays or rises: what parallels begin with."""
    return np.asarray(_interval(np.maximum(origin, own), np.minimum(origin, own)) * 3 + np.sign(to - origin) + 1)


def frame_features(past: Past, setting: Setting) -> Index:
    """What is known before a frame is written; shape (..., len(FRAME_SIZES))."""
    tokens = past.tokens
    hold = np.searchsorted(HOLDS, past.hold, "right")
    classes = pitch_class(tokens)
    matches = np.searchsorted(MATCHES, past.lengths, "right")
    steps = _step(past.candidates, tokens[..., None, :])
    return np.stack(
        [
            *(column[..., voice] for voice in range(4) for column in (tokens, classes, hold)),
            *(_interval(tokens[..., a], tokens[..., b]) for a, b in _PAIRS),
            setting.frame % CYCLE,
            setting.bar,
            setting.shift + 6,
            setting.mode,
            setting.remaining,
            np.minimum(setting.frame // 4, TIME_CLASSES - 1),
            *(matches[..., k] for k in range(5)),
            *(steps[..., k, voice] for k in range(2) for voice in range(4)),
        ],
        -1,
    )


def voice_features(turn: int, chosen: Index, past: Past, setting: Setting) -> Index:
    """What is known before a voice is chosen; ``chosen``, shape (..., 4), need hold only the voices before it."""
    voice = ORDER[turn]
    before = ORDER[:turn]
    own = past.tokens[..., voice]
    return np.stack(
        [
            own,
            pitch_class(own),
            np.searchsorted(HOLDS, past.hold[..., voice], "right"),
            setting.frame % CYCLE,
            setting.bar,
            np.searchsorted(MATCHES, past.lengths[..., 0], "right"),
            np.searchsorted(MATCHES, past.lengths[..., 1 + voice], "right"),
            *(_step(past.candidates[..., k, voice], own) for k in range(2)),
            *(
                column
                for other in before
                for column in (
                    chosen[..., other],
                    pitch_class(chosen[..., other]),
                    _step(chosen[..., other], past.tokens[..., other]),
                )
            ),
            *(
                column
                for other in before
                for column in (
                    _interval(chosen[..., other], own),
                    _motion(chosen[..., other], past.tokens[..., other], own),
                )
            ),
        ],
        -1,
    )


def voice_anchors(turn: int, chosen: Index, past: Past) -> Index:
    """Tokens that the voice's relative logits are measured from, shape (..., 4).

    Its own last note, then of each other voice the note of this frame where it is chosen, else its last one.
    """
    voice = ORDER[turn]
    others = [(voice + step) % 4 for step in range(1, 4)]
    return np.stack(
        [past.tokens[..., voice], *((chosen if u in ORDER[:turn] else past.tokens)[..., u] for u in others)], -1
    )


def given_features(tokens: Index, given: NDArray[np.bool_], setting: Setting) -> Index:
    """What is given at a frame, the rest hidden; shape (..., len(GIVEN_SIZES))."""
    seen = np.where(given, tokens, HIDDEN)
    classes = pitch_class(seen)
    columns = (column[..., voice] for voice in range(4) for column in (seen, classes))
    return np.stack([*columns, setting.frame % CYCLE, setting.bar], -1)


def hold_lengths(tokens: Index) -> Index:
    """Frames for which each voice has sounded its token, this frame included; ``tokens`` of shape (frames, 4)."""
    hold = np.ones_like(tokens)
    for frame in range(1, len(tokens)):
        hold[frame] = np.where(tokens[frame] == tokens[frame - 1], hold[frame - 1] + 1, 1)
    return hold
