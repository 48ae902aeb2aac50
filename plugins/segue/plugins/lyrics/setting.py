"""Words under notes: syllables as they are set, and verse as it is read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from segue.music import Piece, Syllable
from segue.plugins.lyrics.corpus import words_of
from segue.plugins.lyrics.pronounce import divide, sound

_CAPITAL: Final = frozenset({"i", "i'm", "i'll", "i've", "i'd", "god", "lord", "jesus", "christ", "jordan", "canaan"})


def written(line: Sequence[str]) -> list[str]:
    """Return a line of verse with its capitals: its first word, "I" and a few names."""
    return [word[0].upper() + word[1:] if at == 0 or word in _CAPITAL else word for at, word in enumerate(line)]


def syllables_of(word: str) -> list[str]:
    """Return a word as it is set under notes: a piece for each syllable, with a hyphen where the word goes on."""
    parts = [part.replace("-", "") for part in divide(word, sound_count(word))]
    return [*(f"{part}-" for part in parts[:-1]), parts[-1]]


def sound_count(word: str) -> int:
    """Return the syllables of a word as it is written, with capitals, hyphens and stops."""
    return sum(sound(part).syllables for part in words_of(word)) or 1


def set_words(melody: Piece, lines: Sequence[Sequence[str]]) -> tuple[Syllable, ...]:
    """Return words under the notes of a melody, one syllable for each note in order."""
    parts = [part for line in lines for word in line for part in syllables_of(word)]
    return tuple(Syllable(beat, part) for beat, part in zip(melody.start.tolist(), parts, strict=False))
