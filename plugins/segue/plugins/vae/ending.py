"""How a melody comes to rest: of several last two bars those that lead to the tonic best, which is then held.

The network has no idea of an end: most of what it writes for the last two bars leads on. Melodies of the training part
in major end on the tonic (POP909 .61, lead sheets .97), struck on the first beat of a bar (.29, .68) more than on the
third (.08, .14) or second (.08, .10), reached by step or repeated (.74, .58) and seldom by a fourth or more (.05, .13),
and held (10 and 16 sixteenths).
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from segue.plugins.vae.tokens import BAR, LOWEST, STRIKE, WINDOW

VARIED: Final = np.linspace(0.0, 1.0, 16)
"""How far each of the endings that are composed is from the one that the piece's plan says, as ``strength`` is."""
_BEATS: Final = {0: 0.0, 8: 1.0, 4: 1.5}
"""Sixteenths of the last bar on which the tonic is struck, and what is held against each."""
_APPROACH: Final = ((2, 0.0), (4, 1.0), (5, 2.0), (127, 4.0))
"""What is held against an interval to the tonic of so many semitones or fewer; a repeated note counts as a third."""
_LEFT_OUT: Final = 0.5
"""What is held against each note that would come after."""
_FAR: Final = 7
_LEAP: Final = 3.0
"""What is held against each interval of more semitones than that."""
_ELSEWHERE: Final = 0.5
"""The same for each semitone more that lies between the mean pitches of the ending and of the two bars before it."""


def best(windows: NDArray[np.int64], before: NDArray[np.int64], tonic: int) -> tuple[int, int] | None:
    """Choose an ending.

    Parameters
    ----------
    windows
        Endings of a bar or two each, as events, the most wanted first; shape (endings, 16 or 32).
    before
        The events before them.
    tonic
        Pitch class.

    Returns
    -------
    which, place
        The ending with least against it and the event that strikes its tonic, to be held; None if none strikes a tonic
        on a beat of the last bar.
    """
    last_bar = windows.shape[1] - BAR
    rated = [
        (_against(np.append(before, window[: place + 1]), len(before)) + own + _LEFT_OUT * after, which, place)
        for which, window in enumerate(windows)
        for place, own in ((last_bar + beat, own) for beat, own in _BEATS.items())
        if window[place] >= STRIKE and (window[place] - STRIKE + LOWEST) % 12 == tonic
        for after in [int((window[place + 1 :] >= STRIKE).sum())]
    ]
    return min(rated)[1:] if rated else None


def _against(line: NDArray[np.int64], begins: int) -> float:
    """Weigh the intervals of an ending, which begins at some event and ends with the tonic."""
    struck = np.flatnonzero(line >= STRIKE)
    leaps = np.abs(np.diff(line[struck]))[struck[1:] >= begins]
    if not len(leaps):
        return 0.0
    approach = 4 if leaps[-1] == 0 else leaps[-1]
    near = line[struck[(struck >= begins - WINDOW) & (struck < begins)]]
    away = abs(float(line[struck[struck >= begins]].mean() - near.mean())) if len(near) else 0.0
    far = _LEAP * int((leaps > _FAR).sum()) + _ELSEWHERE * max(0.0, away - _FAR)
    return next(nats for most, nats in _APPROACH if approach <= most) + far
