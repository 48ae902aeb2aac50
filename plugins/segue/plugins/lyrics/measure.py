"""What the README's tables say: how well the model knows songs, and what its verses are like beside real ones."""

from __future__ import annotations

import json
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from segue.music import Meter, Piece
from segue.plugin_api.training import Report
from segue.plugins.lyrics.artifacts import Artifacts
from segue.plugins.lyrics.corpus import Corpus, Line, Song, part_of
from segue.plugins.lyrics.learning import nats
from segue.plugins.lyrics.phrases import Phrase, find_phrases
from segue.plugins.lyrics.plugin import LyricsOptions
from segue.plugins.lyrics.poet import Order, Poet, Verse
from segue.plugins.lyrics.present import COPIED
from segue.plugins.lyrics.pronounce import sound
from segue.plugins.lyrics.screen import is_offensive
from segue.plugins.lyrics.texts import Texts, copied_share
from segue.plugins.lyrics.topics import Topics
from segue.plugins.lyrics.vocabulary import UNKNOWN, Vocabulary

MELODIES: Final = "leadsheets.jsonl"
_MOST_MELODIES: Final = 30
_MOST_NOTES: Final = 100
_UNWEIGHED: Final = 10
_SCHEMES: Final = ("AABB", "ABAB", "ABCB")
_THEMES: Final = ("sea", "war", "night", "home", "spring", "love")
_NEAREST: Final = 40
_DISCOUNT: Final = 0.75


def reports(artifacts: Artifacts, corpus: Corpus, data: Path) -> list[Report]:
    """Measure a version on the test songs, and on the melodies of ``leadsheets.jsonl`` where the data have them."""
    return [perplexities(artifacts, corpus), verses(artifacts, corpus, data), themes(artifacts)]


def perplexities(artifacts: Artifacts, corpus: Corpus) -> Report:
    """Report perplexity on held-out songs beside a unigram and a trigram model of the same texts and order of words."""
    vocabulary = artifacts.vocabulary
    learnt = [vocabulary.backwards(song.lines) for song in [*corpus.train, *corpus.verse]]
    trigram, unigram = Trigram(learnt, len(vocabulary)), Trigram(learnt, len(vocabulary), longest=1)
    rows: dict[str, dict[str, float]] = {}
    for part in ("valid", "test"):
        songs = getattr(corpus, part)
        total, count = nats(artifacts.network, songs, vocabulary)
        words = [word for song in songs for line in song.lines for word in line]
        rows[f"lyrics, {part}"] = {
            "perplexity": math.exp(total / count),
            "nats_per_word": total / count,
            "words_and_line_ends": count,
            "unknown_words": float(np.mean([vocabulary.number(word) == UNKNOWN for word in words])),
        }
        for name, model in (("trigram", trigram), ("unigram", unigram)):
            rows[f"{name}, {part}"] = {"perplexity": model.perplexity(vocabulary.backwards(s.lines) for s in songs)}
    known, here = len(artifacts.texts.titles), len(learnt)
    texts = "the same texts" if here == known else f"of {known:,} texts the {here:,} that these data hold"
    protocol = (
        "Songs and poems held out by title, each line read from its last word to its first, after all earlier lines; "
        f"words outside the vocabulary are not counted. Trigram and unigram: absolute discounting of .75, {texts}"
    )
    return Report(protocol, rows)


class Trigram:
    """A model of the next word given two, or fewer: absolute discounting, interpolated.

    References
    ----------
    S. Chen and J. Goodman, "An empirical study of smoothing techniques for language modeling", 1999.
    """

    def __init__(self, texts: Iterable[Sequence[int]], words: int, longest: int = 3) -> None:
        self._words, self._longest = words, longest
        self._counts: list[dict[tuple[int, ...], Counter[int]]] = [defaultdict(Counter) for _ in range(longest)]
        for text in texts:
            for at in range(1, len(text)):
                for order in range(min(longest, at + 1)):
                    self._counts[order][tuple(text[at - order : at])][text[at]] += 1

    def probability(self, before: Sequence[int], word: int) -> float:
        """Return the probability of a word after some others."""
        value = 1 / self._words
        for order in range(min(self._longest, len(before) + 1)):
            seen = self._counts[order].get(tuple(before[len(before) - order :]))
            if not seen:
                break
            total = sum(seen.values())
            value = (max(seen[word] - _DISCOUNT, 0) + _DISCOUNT * len(seen) * value) / total
        return value

    def perplexity(self, texts: Iterable[Sequence[int]]) -> float:
        """Return the perplexity of texts; unknown words are not counted."""
        logs = [
            math.log(self.probability(text[max(0, at - 2) : at], text[at]))
            for text in texts
            for at in range(1, len(text))
            if text[at] != UNKNOWN
        ]
        return math.exp(-float(np.mean(logs)))


def verses(artifacts: Artifacts, corpus: Corpus, data: Path) -> Report:
    """Report verses written for held-out melodies, one for each and rhyme scheme in turn, beside held-out songs."""
    poet = Poet(artifacts)
    melodies = read_melodies(data / MELODIES)
    written: list[tuple[Order, list[Line]]] = []
    plain: list[tuple[Order, list[Line]]] = []
    usual = LyricsOptions()
    for number, phrases in enumerate(melodies):
        scheme = _SCHEMES[number % len(_SCHEMES)]
        letters = "".join(chr(ord(scheme[at % 4]) + 3 * (at // 4)) for at in range(len(phrases)))
        favour = np.zeros(len(poet.vocabulary), np.float32)
        order = Order(phrases, letters, favour, usual.temperature, usual.top_p, usual.copied_words)
        written.append((order, write(poet, order, number)))
        if number < _UNWEIGHED:
            flat = replace(order, phrases=[replace(p, strengths=np.zeros_like(p.strengths)) for p in phrases])
            plain.append((order, write(poet, flat, number)))
    real = [song.lines for song in corpus.test]
    texts = Texts.of([*corpus.train], poet.vocabulary)
    rows = {
        "written": _kept(written) | _likeness([lines for _, lines in written], poet),
        "written, stress not weighed (10 melodies)": {"stress_agreement": _agreement(plain)},
        "real, held out": _likeness(real, poet),
        "real, held out, against the songs alone": {
            "longest_copied_run": float(max(texts.longest(_numbers(lines, poet.vocabulary)) for lines in real))
        },
    }
    protocol = (
        f"A verse for each of {len(melodies)} melodies of held-out songs ({sum(map(len, melodies))} lines), "
        "schemes AABB, ABAB, ABCB in turn; syllables and rhymes counted anew from the written words by the dictionary. "
        "Stress: share of strong notes with a stressed syllable less that of weak notes. Copied: words in runs of "
        f"{COPIED} or more of a training text"
    )
    return Report(protocol, rows)


def write(poet: Poet, order: Order, seed: int) -> list[Line]:
    """Write a verse."""
    poet.check(order)
    verse = Verse(order, np.random.default_rng(seed))
    while not verse.done:
        poet.write_line(verse)
    return [[poet.vocabulary.words[word] for word in line] for line in verse.lines]


def read_melodies(path: Path) -> list[list[Phrase]]:
    """Return the phrases of melodies of held-out songs; of a generated tune where the data have none."""
    if not path.is_file():
        tune = Piece.of(np.arange(32), 1.0, 60 + np.arange(32) % 8)
        return [find_phrases(tune)]
    found: list[list[Phrase]] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if part_of(row["title"]) == "test" and len(row["melody"]) >= 16 and len(found) < _MOST_MELODIES:
            start, end, pitch = np.array(row["melody"][:_MOST_NOTES], float).T
            one_voice = np.append(np.diff(start) > 0, True)
            start, end, pitch = start[one_voice], end[one_voice], pitch[one_voice]
            signature = row["time_sig"][0][1] if row["time_sig"] else "4/4"
            numerator, denominator = (int(number) for number in str(signature).split("/"))
            found.append(
                find_phrases(Piece.of(start, end - start, pitch, meters=(Meter(0.0, numerator, denominator),)))
            )
    return found


def _kept(written: Sequence[tuple[Order, list[Line]]]) -> dict[str, float]:
    """Say how far syllables and rhyme scheme are kept."""
    exact: list[bool] = []
    rhymed: list[bool] = []
    unrhymed: list[bool] = []
    for order, lines in written:
        exact += [
            sum(sound(word).syllables for word in line) == phrase.syllables
            for line, phrase in zip(lines, order.phrases, strict=True)
        ]
        for i in range(len(lines)):
            for j in range(i + 1, len(lines)):
                one, other = lines[i][-1], lines[j][-1]
                alike = sound(one).rhyme == sound(other).rhyme and one != other
                (rhymed if order.letters[i] == order.letters[j] else unrhymed).append(alike)
    return {
        "syllables_exact": float(np.mean(exact)),
        "rhymes_that_rhyme": float(np.mean(rhymed)),
        "others_that_rhyme": float(np.mean(unrhymed)) if unrhymed else 0.0,
        "stress_agreement": _agreement(written),
    }


def _agreement(written: Sequence[tuple[Order, list[Line]]]) -> float:
    """Return the share of strong notes under a stressed syllable less that of weak ones."""
    strong: list[bool] = []
    weak: list[bool] = []
    for order, lines in written:
        for line, phrase in zip(lines, order.phrases, strict=True):
            stresses = [stress for word in line for stress in sound(word).stresses]
            for stress, strength in zip(stresses, phrase.strengths.tolist(), strict=True):
                (strong if strength >= 0.7 else weak).append(stress >= 0.5)
    return float(np.mean(strong) - np.mean(weak)) if strong and weak else 0.0


def _numbers(lines: Sequence[Line], vocabulary: Vocabulary) -> list[int]:
    return [vocabulary.number(word) for line in lines for word in line]


def _likeness(texts: Sequence[Sequence[Line]], poet: Poet) -> dict[str, float]:
    """Return the figures that written verses and real songs share."""
    words = [[word for line in lines for word in line] for lines in texts]
    pairs = [[tuple(text[at : at + 2]) for at in range(len(text) - 1)] for text in words]
    numbers = [_numbers(lines, poet.vocabulary) for lines in texts]
    runs = [poet.texts.runs(text) for text in numbers]
    copied = [copied_share(found, len(text), COPIED) for found, text in zip(runs, numbers, strict=True)]
    lengths = [len(text) for text in words]
    return {
        "distinct_2": float(np.mean([len(set(own)) / len(own) for own in pairs if own])),
        "copied_share": float(np.average(copied, weights=lengths)),
        "longest_copied_run": float(max((run.length for found in runs for run in found), default=0)),
        "offensive_words": float(sum(is_offensive(word) for text in words for word in text)),
        "words": float(sum(lengths)),
    }


def copied_by_people(artifacts: Artifacts, songs: Sequence[Song], words: int) -> NDArray[np.float64]:
    """Return the copied share of excerpts of so many words, one after the other, of songs that were not learnt from."""
    found = []
    for song in songs:
        text = _numbers(song.lines, artifacts.vocabulary)
        for at in range(0, len(text) - words + 1, words):
            excerpt = text[at : at + words]
            found.append(copied_share(artifacts.texts.runs(excerpt), words, COPIED))
    return np.array(found)


def themes(artifacts: Artifacts) -> Report:
    """Report how often verses use words that stand with a theme in the training texts, asked for and not."""
    poet, topics = Poet(artifacts), Topics(artifacts.topics, artifacts.vocabulary)
    phrases = [Phrase(np.arange(n), np.where(np.arange(n) % 2, 1.0, -0.5).astype(np.float32)) for n in (8, 6, 8, 6)]
    written: dict[str, list[str]] = {}
    for theme in _THEMES:
        order = Order(phrases, "ABCB", topics.favour([theme], [theme]), 0.8, 0.92, 5)
        written[theme] = [word for seed in range(8) for line in write(poet, order, seed) for word in line]
    rows = {}
    for theme in _THEMES:
        near = set(topics.nearest(theme, _NEAREST))
        others = [word for other in _THEMES if other != theme for word in written[other]]
        rows[theme] = {
            "asked_for": float(np.mean([word in near for word in written[theme]])),
            "another_asked_for": float(np.mean([word in near for word in others])),
        }
    return Report(
        f"Share of words that are a theme or one of the {_NEAREST} words that most stand with it, in eight verses", rows
    )
