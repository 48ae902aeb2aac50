"""Roman numerals: what a chord is in its key."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from segue.music.theory import NO_CHORD, QUALITIES, QUALITY_NAMES

_MAJOR: Final = ("I", "bII", "II", "bIII", "III", "IV", "#IV", "V", "bVI", "VI", "bVII", "VII")
_MINOR: Final = ("I", "bII", "II", "III", "#III", "IV", "#IV", "V", "VI", "#VI", "VII", "#VII")
_SMALL: Final = frozenset({"min", "dim", "min7", "hdim7", "dim7"})
_MARKS: Final = {"dim": "o", "dim7": "o", "hdim7": "ø", "aug": "+"}
_TRIAD_FIGURES: Final = ("", "6", "64")
_SEVENTH_FIGURES: Final = ("7", "65", "43", "42")
_DIATONIC: Final = (
    # Semitones above the tonic → qualities of triads that stand on it, major then minor.
    {0: "maj", 2: "min", 4: "min", 5: "maj", 7: "maj", 9: "min", 11: "dim"},
    {0: "min", 2: "dim", 3: "maj", 5: "min", 7: "maj", 8: "maj", 10: "maj", 11: "dim"},
)


def roman_numerals(chords: Sequence[int], basses: Sequence[int], keys: Sequence[int]) -> list[str]:
    """Name each chord in its local key, e.g. V65 or viio7/V; empty for no chord.

    A major or dominant chord outside the key, or a diminished one, is named by the degree it leads to if that degree
    has a major or minor triad of its own. In minor, VII is the chord on the natural and viio on the raised seventh.

    Parameters
    ----------
    chords, basses, keys
        Chord, pitch class of the bass (or -1) and key of each chord, as in ``segue.music.theory``.
    """
    following = [*chords[1:], NO_CHORD]
    return [_numeral(*each) for each in zip(chords, basses, keys, following, strict=True)]


def settle_diminished(chords: Sequence[int], keys: Sequence[int]) -> list[int]:
    """Name the root of each diminished seventh chord, which any of its notes could be, by where the chord leads.

    It is the leading note of the root that follows, else of the key, else of the dominant.
    """
    settled = list(chords)
    for place, (chord, key) in enumerate(zip(chords, keys, strict=True)):
        if chord == NO_CHORD or QUALITY_NAMES[chord // 12] != "dim7":
            continue
        roots = {(chord + third) % 12 for third in (0, 3, 6, 9)}
        following = settled[place + 1] if place + 1 < len(settled) else NO_CHORD
        leads_to = [following % 12] if following != NO_CHORD else []
        for target in (*leads_to, key % 12, (key + 7) % 12):
            if (target - 1) % 12 in roots:
                settled[place] = chord // 12 * 12 + (target - 1) % 12
                break
    return settled


def _numeral(chord: int, bass: int, key: int, following: int) -> str:
    if chord == NO_CHORD:
        return ""
    number, root = divmod(chord, 12)
    quality, degree = QUALITY_NAMES[number], (root - key) % 12
    figure = _figure(number, (bass - root) % 12 if bass >= 0 else 0)
    if quality == "7" and degree == 8 and following != NO_CHORD and (following % 12 - key) % 12 in (0, 7):
        return "Ger65"
    target = _target(quality, degree, key // 12, following, key % 12)
    if target is None:
        return _degree(degree, quality, key // 12) + figure
    leading = "V" if quality in ("maj", "7") else "vii" + _MARKS[quality]
    return f"{leading}{figure}/{_degree(target, _DIATONIC[key // 12][target], key // 12)}"


def _degree(degree: int, quality: str, minor: int) -> str:
    name = (_MINOR if minor else _MAJOR)[degree]
    if quality in ("dim", "dim7", "hdim7") and degree == 11:
        name = "VII"  # the leading-note chord is written without its sharp
    return (name.lower() if quality in _SMALL else name) + _MARKS.get(quality, "")


def _figure(number: int, above_root: int) -> str:
    intervals = list(QUALITIES.values())[number]
    inversion = intervals.index(above_root) if above_root in intervals else 0
    if QUALITY_NAMES[number].startswith("sus"):
        return QUALITY_NAMES[number]
    seventh = len(intervals) == 4
    figure = (_SEVENTH_FIGURES if seventh else _TRIAD_FIGURES)[inversion]
    return "maj" + figure if QUALITY_NAMES[number] == "maj7" else figure


def _target(quality: str, degree: int, minor: int, following: int, tonic: int) -> int | None:
    """Return the degree that an applied chord leads to, or None if the chord is at home in the key."""
    diatonic = _DIATONIC[minor]
    if quality == "7":
        at_home = degree == 7
    elif quality in ("dim", "dim7", "hdim7"):
        at_home = degree == 11 or (degree == 2 and quality != "dim7")
    elif quality == "maj":
        at_home = degree in diatonic and diatonic[degree] == "maj"
    else:
        return None
    target = (degree + (5 if quality in ("maj", "7") else 1)) % 12
    if at_home or target == 0 or diatonic.get(target) not in ("maj", "min"):
        return None
    resolves = following != NO_CHORD and (following % 12 - tonic) % 12 == target
    if quality == "7" and degree == 0 and (following == NO_CHORD or QUALITY_NAMES[following // 12] == "7"):
        return None  # among sevenths it is the tonic of a blues
    return target if resolves or quality != "maj" else None
