"""The words that the model knows, as numbers, with what the masks need to know of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray
from segue.plugins.lyrics.corpus import Line, Song
from segue.plugins.lyrics.pronounce import Sound, known, sound
from segue.plugins.lyrics.screen import is_offensive

SPECIAL: Final = ("<song>", "<line>", "<unknown>")
SONG, LINE, UNKNOWN = range(3)
MOST_SYLLABLES: Final = 6
_SONG_WEIGHT: Final = 8
"""A word of a song counts as much as this many of verse, so that songs keep their own words."""


class Vocabulary:
    """Words and their sounds.

    Parameters
    ----------
    words
        All but the special ones, which come first in the numbering.
    """

    def __init__(self, words: Sequence[str]) -> None:
        self.words = (*SPECIAL, *words)
        self._numbers = {word: number for number, word in enumerate(self.words)}

    @classmethod
    def of(cls, songs: Iterable[Song], verse: Iterable[Song], size: int) -> Vocabulary:
        """Take the most frequent words that can be pronounced and are not screened out.

        Where there is verse, a word must be in it: songs hold loose syllables, "ban ish".
        """
        in_songs, in_verse = (
            Counter(word for text in texts for line in text.lines for word in line) for texts in (songs, verse)
        )
        counts = {
            word: _SONG_WEIGHT * in_songs[word] + in_verse[word]
            for word in in_songs | in_verse
            if in_verse[word] or not in_verse
        }
        usable = (
            word
            for word, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
            if count > _SONG_WEIGHT
            and known(word)
            and not is_offensive(word)
            and sound(word).syllables <= MOST_SYLLABLES
        )
        return cls([word for word, _ in zip(usable, range(size), strict=False)])

    def __len__(self) -> int:
        return len(self.words)

    def number(self, word: str) -> int:
        """Return the number of a word, that of ``UNKNOWN`` if it is not in the vocabulary."""
        return self._numbers.get(word, UNKNOWN)

    def backwards(self, lines: Iterable[Line]) -> list[int]:
        """Return a text as the model reads it: each line from its last word to its first, then ``LINE``."""
        tokens = [SONG]
        for line in lines:
            tokens += [*(self.number(word) for word in reversed(line)), LINE]
        return tokens

    @cached_property
    def _sounds(self) -> list[Sound]:
        return [sound(word) for word in self.words[len(SPECIAL) :]]

    @cached_property
    def syllables(self) -> NDArray[np.int64]:
        """Syllables of each word, 0 for the special ones; shape (words,)."""
        return np.array([0] * len(SPECIAL) + [one.syllables for one in self._sounds])

    @cached_property
    def stresses(self) -> NDArray[np.float32]:
        """Stress of each syllable less one half, the last syllable in the last column; shape (words, 6)."""
        table = np.zeros((len(self), MOST_SYLLABLES), np.float32)
        for row, one in enumerate(self._sounds, len(SPECIAL)):
            table[row, MOST_SYLLABLES - one.syllables :] = np.array(one.stresses) - 0.5
        return table

    @cached_property
    def rhymes(self) -> NDArray[np.int64]:
        """Number of the rhyme that each word ends on, -1 where it has none; shape (words,)."""
        names = sorted({one.rhyme for one in self._sounds if one.rhyme})
        numbers = {name: number for number, name in enumerate(names)}
        return np.array([-1] * len(SPECIAL) + [numbers.get(one.rhyme, -1) for one in self._sounds])
