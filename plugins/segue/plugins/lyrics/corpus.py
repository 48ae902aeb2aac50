"""The training texts as lines of words, and how they are parted into training, validation and test.

``lyrics.jsonl``
    Songs and poems, an object with ``title`` and ``text`` in each row; the model is tuned to them and measured on them.
``gutenberg-poetry-v001.ndjson.gz``
    Lines of verse in the order of their books, an object with ``s`` in each row, from which the model first learns the
    language of verse. Only stanzas that rhyme and can be sung are taken. It may be absent.

Songs are parted by their title, so that two versions of one are on the same side. Verse that shares five words in a row
with a held-out song is left out, together with its neighbours.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
from segue.plugin_api import InvalidRequest
from segue.plugins.lyrics.pronounce import known, sound
from segue.plugins.lyrics.screen import is_offensive

SONGS, VERSE = "lyrics.jsonl", "gutenberg-poetry-v001.ndjson.gz"
Line = list[str]
_WORD: Final = re.compile(r"[a-z]+(?:'[a-z]+)*")
_ENGLISH: Final = (None, "English")
_MOST_WORDS: Final = 12
_STANZA: Final = 4
_SHARED: Final = 5
_SYLLABLES: Final = (3, 10)
_NEIGHBOURS: Final = 4
_STRETCH: Final = 2000


@dataclass(frozen=True)
class Song:
    """A song or poem: title and lines of words in lower case."""

    title: str
    lines: list[Line]


@dataclass
class Corpus:
    """The three parts of the songs, and the stanzas of verse."""

    train: list[Song] = field(default_factory=list)
    valid: list[Song] = field(default_factory=list)
    test: list[Song] = field(default_factory=list)
    verse: list[Song] = field(default_factory=list)


def words_of(text: str) -> Line:
    """Return the words of a text in lower case, apostrophes inside them kept."""
    return _WORD.findall(text.lower().replace("\u2019", "'").replace("\u2018", "'"))


def part_of(title: str) -> str:
    """Return the part to which a song belongs: a tenth is for testing, a tenth for validation."""
    letters = " ".join(words_of(title))
    tenth = int.from_bytes(hashlib.sha256(letters.encode()).digest()[:4], "big") % 10
    return {0: "test", 1: "valid"}.get(tenth, "train")


def read_corpus(folder: Path, most_verse: int, seed: int) -> Corpus:
    """Read the texts below a folder.

    Parameters
    ----------
    folder
        Holds ``lyrics.jsonl`` and, where there is one, the file of verse.
    most_verse
        Lines of verse to take, drawn by ``seed`` from those that fit.

    Raises
    ------
    InvalidRequest
        If there is no ``lyrics.jsonl`` or a row of it has no title or text.
    """
    path = folder / SONGS
    if not path.is_file():
        raise InvalidRequest("data", f"{folder} holds no {SONGS}")
    corpus = Corpus()
    for number, row in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        song = json.loads(row)
        if not isinstance(song.get("title"), str) or not isinstance(song.get("text"), str):
            raise InvalidRequest("data", f"row {number} of {path.name} has no title or no text")
        lines = song_lines(song["text"])
        if lines and song.get("language") in _ENGLISH:
            getattr(corpus, part_of(song["title"])).append(Song(song["title"], lines))
    if (folder / VERSE).is_file() and most_verse:
        corpus.verse = _read_verse(folder / VERSE, most_verse, [*corpus.valid, *corpus.test], seed)
    return corpus


def song_lines(text: str) -> list[Line]:
    """Break a text into lines: where it does, and in running text at stops and before capitals."""
    lines: list[Line] = []
    for paragraph in text.replace("\u2019", "'").split("\n"):
        words = _rejoin(words_of(paragraph))
        if len(words) <= _MOST_WORDS:
            lines.append(words)
            continue
        pieces = re.split(r"[.,;:!?()\"]+|(?<=[a-z'])\s+(?=[A-HJ-Z][a-z'])", paragraph)
        current: Line = []
        for piece in (_rejoin(words_of(p)) for p in pieces):
            if current and (len(current) >= _STANZA or len(current) + len(piece) > _MOST_WORDS - 2):
                lines.append(current)
                current = []
            current = current + piece
        lines.append(current)
    return [line for line in lines if line and len(line) <= 2 * _MOST_WORDS]


def _rejoin(words: Line) -> Line:
    """Join words that were written as syllables, "ban ish": where one part is no word and both together are."""
    joined: Line = []
    for word in words:
        whole = joined[-1] + word if joined else ""
        if joined and known(whole) and not (known(joined[-1]) and known(word)):
            joined[-1] = whole
        else:
            joined.append(word)
    return joined


def shingles(lines: Iterable[Line]) -> set[tuple[str, ...]]:
    """Return every run of ``_SHARED`` words within a text that is given as lines."""
    words = [word for line in lines for word in line]
    return {tuple(words[at : at + _SHARED]) for at in range(len(words) - _SHARED + 1)}


def _read_verse(path: Path, most: int, held_out: Sequence[Song], seed: int) -> list[Song]:
    """Return stanzas of four lines that rhyme, can be sung, and are not from the songs that are held out.

    They are looked for in stretches of the file in an order drawn by ``seed``, until there are enough.
    """
    with gzip.open(path, "rt", encoding="utf-8") as file:
        rows = file.read().splitlines()
    forbidden = {shingle for song in held_out for shingle in shingles(song.lines)}
    stanzas: list[Song] = []
    seen: set[tuple[str, ...]] = set()
    stretches = -(-len(rows) // _STRETCH)
    for number in np.random.default_rng((seed, 1)).permutation(stretches).tolist():
        stretch = rows[number * _STRETCH : (number + 1) * _STRETCH]
        for stanza in _stanzas([words_of(json.loads(row)["s"]) for row in stretch], forbidden):
            if tuple(stanza[0]) not in seen:
                seen.add(tuple(stanza[0]))
                stanzas.append(Song("verse", stanza))
        if len(stanzas) * _STANZA >= most:
            break
    return stanzas[: most // _STANZA]


def _stanzas(lines: Sequence[Line], forbidden: set[tuple[str, ...]]) -> Iterator[list[Line]]:
    """Yield the stanzas that fit."""
    sounds = _sounds(lines)
    good = [_can_be_sung(line, sounds) for line in lines]
    rhymes = [sounds[line[-1]][1] if ok else "" for line, ok in zip(lines, good, strict=True)]
    at = 0
    while at + _STANZA <= len(lines):
        stanza = list(lines[at : at + _STANZA])
        around = lines[max(0, at - _NEIGHBOURS) : at + _STANZA + _NEIGHBOURS]
        fits = all(good[at : at + _STANZA]) and _rhymes(rhymes[at : at + _STANZA], stanza)
        if fits and forbidden.isdisjoint(shingles(around)):
            yield stanza
            at += _STANZA
        else:
            at += 1


def _sounds(lines: Iterable[Line]) -> dict[str, tuple[int, str]]:
    """Syllables and rhyme of each word that the dictionary has."""
    counts = Counter(word for line in lines for word in line)
    return {word: (sound(word).syllables, sound(word).rhyme) for word in counts if known(word)}


def _can_be_sung(line: Line, sounds: dict[str, tuple[int, str]]) -> bool:
    if not 2 <= len(line) <= _SYLLABLES[1] or not all(word in sounds and not is_offensive(word) for word in line):
        return False
    return _SYLLABLES[0] <= sum(sounds[word][0] for word in line) <= _SYLLABLES[1]


def _rhymes(rhymes: Sequence[str], stanza: Sequence[Line]) -> bool:
    """Return whether four lines rhyme in couplets, crosswise, or on the second and the fourth."""

    def pair(i: int, j: int) -> bool:
        return bool(rhymes[i]) and rhymes[i] == rhymes[j] and stanza[i][-1] != stanza[j][-1]

    return pair(1, 3) or (pair(0, 1) and pair(2, 3))
