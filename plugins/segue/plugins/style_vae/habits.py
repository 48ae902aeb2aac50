"""What each style is usually like: figures, instruments and swing, counted in the training music."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from segue.plugins.style_vae.artifacts import Habits
from segue.plugins.style_vae.data import Lesson


def habits_of(lessons: Sequence[Lesson], styles: Sequence[str]) -> dict[str, Habits]:
    """Count the habits of each style: medians of figures and lateness, and its most frequent programs."""
    found = {}
    for style in styles:
        own = [lesson for lesson in lessons if lesson.style == style]
        figures = np.median([lesson.figures for lesson in own], axis=0)
        late = np.median([lesson.late for lesson in own], axis=0)
        low, high = (int(sum(getattr(lesson, part) for lesson in own).argmax()) for part in ("low", "high"))
        found[style] = Habits(tuple(np.round(figures, 4).tolist()), low, high, tuple(np.round(late, 4).tolist()))
    return found
