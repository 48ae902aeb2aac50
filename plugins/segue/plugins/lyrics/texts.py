"""The training texts, kept beside the model so that copying is found: exactly, and with its source."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from segue.plugins.lyrics.corpus import Song
from segue.plugins.lyrics.vocabulary import SONG, UNKNOWN, Vocabulary

TEXTS: Final = "texts.npz"
SHORTEST: Final = 4
"""Runs of fewer words are common property and are not looked for."""


class Run(NamedTuple):
    """Words that a text shares with a training text: how many, where they begin, and the title of the source."""

    length: int
    begin: int
    title: str


class Texts:
    """The words of the training texts, in reading order.

    Parameters
    ----------
    tokens
        Numbers of the vocabulary, shape (words,); each text begins with ``SONG``.
    titles
        One for each text.
    """

    def __init__(self, tokens: NDArray[np.uint16], titles: Sequence[str]) -> None:
        self.tokens, self.titles = tokens, list(titles)
        grams = _grams(tokens)
        self._order = np.argsort(grams, kind="stable")
        self._sorted = grams[self._order]
        self._begins = np.flatnonzero(tokens == SONG)
        self._pairs, self._triples = (np.unique(_grams(tokens, size)) for size in (2, 3))

    @classmethod
    def of(cls, songs: Iterable[Song], vocabulary: Vocabulary) -> Texts:
        """Collect texts."""
        tokens: list[int] = []
        titles: list[str] = []
        for song in songs:
            titles.append(song.title)
            tokens += [SONG, *(vocabulary.number(word) for line in song.lines for word in line)]
        return cls(np.array(tokens, np.uint16), titles)

    def save(self, folder: Path) -> None:
        """Write the texts, packed; repeated titles are written once."""
        names = sorted(set(self.titles))
        numbers = {name: number for number, name in enumerate(names)}
        which = np.array([numbers[title] for title in self.titles], np.uint16)
        np.savez_compressed(folder / TEXTS, tokens=self.tokens, names=np.array(names), which=which)

    @classmethod
    def load(cls, folder: Path) -> Texts:
        """Read what ``save`` wrote."""
        with np.load(folder / TEXTS) as packed:
            return cls(packed["tokens"], packed["names"][packed["which"]].tolist())

    def runs(self, words: Sequence[int]) -> list[Run]:
        """Return the longest copied run that begins at each word, as far as it has four words or more."""
        text = np.array(words, np.uint16)
        found: list[Run] = []
        grams = _grams(text)
        lows, highs = (np.searchsorted(self._sorted, grams, side=side).tolist() for side in ("left", "right"))
        for begin, (low, high) in enumerate(zip(lows, highs, strict=True)):
            if UNKNOWN in words[begin : begin + SHORTEST]:
                continue
            best, source = 0, 0
            for at in self._order[low:high].tolist():
                most = min(len(text) - begin, len(self.tokens) - at)
                differs = np.flatnonzero(self.tokens[at : at + most] != text[begin : begin + most])
                length = int(differs[0]) if len(differs) else most
                if length > best:
                    best, source = length, at
            if best >= SHORTEST:
                title = self.titles[int(np.searchsorted(self._begins, source, side="right")) - 1]
                found.append(Run(best, begin, title))
        return found

    def unheard(self, words: Sequence[int]) -> tuple[int, int]:
        """Return how many pairs of neighbouring words, and how many triples, stand in no training text."""
        text = np.array(words, np.uint16)
        pairs, triples = (
            int((~_among(known, _grams(text, size))).sum()) for size, known in ((2, self._pairs), (3, self._triples))
        )
        return pairs, triples

    def longest(self, words: Sequence[int]) -> int:
        """Return the length of the longest copied run, 0 if none has four words."""
        return max((run.length for run in self.runs(words)), default=0)


def copied_share(runs: Iterable[Run], words: int, least: int) -> float:
    """Return the share of words that stand in copied runs of at least ``least`` words."""
    copied = np.zeros(max(words, 1), bool)
    for run in runs:
        if run.length >= least:
            copied[run.begin : run.begin + run.length] = True
    return float(copied.mean())


def _grams(tokens: NDArray[np.uint16], size: int = SHORTEST) -> NDArray[np.uint64]:
    """Return every two, three or four words in a row as one number."""
    wide = tokens.astype(np.uint64)
    count = max(len(wide) - size + 1, 0)
    total = np.zeros(count, np.uint64)
    for offset in range(size):
        total = (total << np.uint64(16)) | wide[offset : offset + count]
    return total


def _among(known: NDArray[np.uint64], grams: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Say which numbers are among sorted ones."""
    at = np.searchsorted(known, grams)
    return np.asarray(known[np.minimum(at, len(known) - 1)] == grams) if len(known) else np.zeros(len(grams), bool)
