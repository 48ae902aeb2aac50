"""What becomes of controllers, pitch bends and the like in another style: they stay with their track, or go with it."""

from __future__ import annotations

from collections import Counter

from segue.music import Piece


def lost_controls(before: Piece, after: Piece) -> list[str]:
    """Name the tracks that had controls and are no longer there, in a sentence; in none if there are none."""
    had, has = (Counter(info.name for info in piece.tracks if info.controls) for piece in (before, after))
    names = ", ".join(name or "a track without a name" for name in had - has)
    return [f"Pedal, pitch bends and other controls of {names} went with the notes that they worked on."] * bool(names)
