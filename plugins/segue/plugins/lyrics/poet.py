"""Writing lines: from the last word to the first, so that the rhyme comes first and the line is led up to it.

What must hold is masked, not hoped for: a line has exactly as many syllables as its phrase has notes; lines of one
letter of the rhyme scheme end on different words of one rhyme, lines of other letters on other rhymes; words that are
screened out are not in the vocabulary. What should hold is weighed: stressed syllables on strong notes, words that go
with the theme. Of several tries at a line the likeliest is taken that copies no long run of a training text; words that
no training text has side by side count against it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from segue.plugin_api import InvalidField
from segue.plugins.lyrics.artifacts import Artifacts
from segue.plugins.lyrics.phrases import Phrase
from segue.plugins.lyrics.topics import MOST
from segue.plugins.lyrics.vocabulary import LINE, MOST_SYLLABLES, SONG, SPECIAL

TRIES: Final = 32
_ROUNDS: Final = 4
_MOST_DRAWN: Final = 200
"""Words that are drawn from, at most."""
_STRESS: Final = 0.5
_THEME: Final = 0.7
_REPEATED: Final = 1.5
_UNHEARD_PAIR, _UNHEARD_TRIPLE = 3.0, 1.0
"""What two and three words in a row that stand in no training text cost a line, in nats: what reads so seldom is
English, which the network, that reads from the end, does not see."""
_SPARE_RHYMES: Final = 6
_CONTEXT: Final = 12
"""Words before a line that a copied run may have begun in."""
_LEADING_ON: Final = (
    "a an the and or but of to in on at by for with from as if than that my thy your his her its our their is was "
    "are be am were i he she we they who which what when where while because into upon no nor so very every this "
    "these those"
)
_ENDS_BADLY: Final = frozenset(_LEADING_ON.split())
"""Words that lead on to another one and end no line."""


@dataclass(frozen=True)
class Order:
    """A verse to write.

    Attributes
    ----------
    phrases
        One for each line.
    letters
        The rhyme scheme, a character for each line.
    favour
        How much each word of the vocabulary goes with the theme (``topics.Topics.favour``), shape (words,).
    temperature, top_p
        As in the options.
    most_copied
        The longest run of words of a training text that is let through.
    """

    phrases: Sequence[Phrase]
    letters: str
    favour: NDArray[np.float32]
    temperature: float
    top_p: float
    most_copied: int


@dataclass
class Verse:
    """A verse under way.

    Attributes
    ----------
    lines
        Numbers of words in reading order.
    state
        What the network has read, shape (1, 1, hidden).
    rhymes
        Letter → number of its rhyme.
    """

    order: Order
    rng: np.random.Generator
    state: torch.Tensor | None = None
    lines: list[list[int]] = field(default_factory=list)
    rhymes: dict[str, int] = field(default_factory=dict)

    @property
    def done(self) -> bool:
        """Whether all lines are written."""
        return len(self.lines) == len(self.order.phrases)

    @property
    def words(self) -> list[int]:
        """All words so far."""
        return [word for line in self.lines for word in line]


class Poet:
    """Writes verses, a line at a time."""

    def __init__(self, artifacts: Artifacts) -> None:
        self.vocabulary = artifacts.vocabulary
        self.texts = artifacts.texts
        self._network = artifacts.network.eval()
        self._ends = np.array([word not in _ENDS_BADLY for word in self.vocabulary.words])
        self._ends &= self.vocabulary.rhymes >= 0
        self._syllables = self.vocabulary.syllables
        self._rhymes = self.vocabulary.rhymes

    def check(self, order: Order) -> None:
        """See that enough words rhyme.

        Raises
        ------
        InvalidField
            If more lines ask for one rhyme, or more rhymes are asked for, than the vocabulary has.
        """
        for letter in set(order.letters):
            if not len(self._rich_rhymes(order, letter)) > len(set(order.letters)):
                raise InvalidField(
                    "lyrics.rhyme_scheme",
                    f"asks for {order.letters.count(letter)} lines on one rhyme; no rhyme has as many words",
                )

    def write_line(self, verse: Verse) -> None:
        """Write the next line of a verse.

        The result depends on the verse and its generator alone, and costs at most four rounds of 32 tries.
        """
        context = verse.words[-_CONTEXT:]
        least: tuple[int, list[int]] | None = None
        for _ in range(_ROUNDS):
            for words in self._likeliest_first(self._tries(verse)):
                copied = self.texts.longest([*context, *words])
                if least is None or copied < least[0]:
                    least = copied, words
                if copied <= verse.order.most_copied and words not in verse.lines:
                    self._take(verse, words)
                    return
        assert least is not None
        self._take(verse, least[1])

    def _likeliest_first(self, tries: Sequence[tuple[float, list[int]]]) -> list[list[int]]:
        """Order lines by their scores less what neighbours that no training text has together cost."""
        rated = []
        for score, words in tries:
            pairs, triples = self.texts.unheard(words)
            rated.append((score - _UNHEARD_PAIR * pairs - _UNHEARD_TRIPLE * triples, words))
        return [words for _, words in sorted(rated, reverse=True)]

    def _take(self, verse: Verse, words: list[int]) -> None:
        """Make words the next line of a verse."""
        letter = verse.order.letters[len(verse.lines)]
        verse.rhymes[letter] = int(self._rhymes[words[-1]])
        verse.state = self._read([*reversed(words), LINE], self._state(verse))
        verse.lines.append(words)

    @torch.no_grad()
    def _read(self, words: Sequence[int], state: torch.Tensor | None) -> torch.Tensor:
        return self._network.read(torch.tensor([words]), state)[1]

    def _state(self, verse: Verse) -> torch.Tensor:
        return self._read([SONG], None) if verse.state is None else verse.state

    @torch.no_grad()
    def _tries(self, verse: Verse) -> list[tuple[float, list[int]]]:
        """Write a line several times at once; return each with its score, in reading order."""
        order, at = verse.order, len(verse.lines)
        phrase = order.phrases[at]
        weigh = self._weights(verse, phrase)
        fits = self._syllables[None] <= np.arange(phrase.syllables + 1)[:, None]
        fits[:, : len(SPECIAL)] = False
        state = self._state(verse).repeat(1, TRIES, 1)
        logits = self._network.score(state[0]).numpy()
        left = np.full(TRIES, phrase.syllables)
        lines: list[list[int]] = [[] for _ in range(TRIES)]
        scores = np.zeros(TRIES)
        ends = self._endings(verse)
        while left.any():
            likely = _log_softmax(logits)
            allowed = fits[left] if lines[0] else fits[left] & ends
            for row, line in enumerate(lines):
                allowed[row, line] = False
            weighed = (likely + weigh[left]) / order.temperature
            draws = verse.rng.random(TRIES)
            chosen = _draw(np.where(allowed, weighed, -np.inf), order.top_p, draws)
            live = left > 0
            for row in np.flatnonzero(live).tolist():
                scores[row] += likely[row, chosen[row]] + weigh[left[row], chosen[row]]
                lines[row].insert(0, int(chosen[row]))
            left = left - np.where(live, self._syllables[chosen], 0)
            read, state = self._network.read(torch.from_numpy(np.where(live, chosen, LINE))[:, None], state)
            logits = self._network.score(read[:, 0]).numpy()
            closing = _log_softmax(logits)[:, LINE]
            scores += np.where(live & (left == 0), closing, 0)
        return [(float(score), line) for score, line in zip(scores, lines, strict=True)]

    def _weights(self, verse: Verse, phrase: Phrase) -> NDArray[np.float32]:
        """What is added for each word by the syllables that are still free, shape (syllables + 1, words)."""
        order = verse.order
        padded = np.concatenate([np.zeros(MOST_SYLLABLES, np.float32), phrase.strengths])
        ends = np.lib.stride_tricks.sliding_window_view(padded, MOST_SYLLABLES)
        used = np.bincount(verse.words, minlength=len(self.vocabulary)) * (order.favour > 0)
        favour = np.where(used, np.minimum(order.favour, MOST), order.favour)  # its own word is told once
        weigh = _STRESS * ends @ self.vocabulary.stresses.T + _THEME * favour
        return np.asarray(weigh - _REPEATED * used, np.float32)

    def _endings(self, verse: Verse) -> NDArray[np.bool_]:
        """Words that the next line may end on, shape (words,)."""
        order, letter = verse.order, verse.order.letters[len(verse.lines)]
        taken = [line[-1] for line in verse.lines]
        if letter in verse.rhymes:
            ends = self._ends & (self._rhymes == verse.rhymes[letter])
        else:
            others = set(verse.rhymes.values())
            ends = self._ends & np.isin(self._rhymes, [r for r in self._rich_rhymes(order, letter) if r not in others])
        ends = ends.copy()
        ends[taken] = False
        return np.asarray(ends)

    def _rich_rhymes(self, order: Order, letter: str) -> list[int]:
        """Return the rhymes that have words enough, and short enough, for all lines of a letter, with some to spare."""
        lines = [phrase.syllables for phrase, own in zip(order.phrases, order.letters, strict=True) if own == letter]
        usable = self._ends & (self._syllables <= min(lines))
        counts = np.bincount(self._rhymes[usable])
        wanted = 1 if len(lines) == 1 else len(lines) + _SPARE_RHYMES
        return [int(rhyme) for rhyme in np.flatnonzero(counts >= wanted)]


def _log_softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    top = logits.max(1, keepdims=True)
    return np.asarray(logits - top - np.log(np.exp(logits - top).sum(1, keepdims=True)))


def _draw(logits: NDArray[np.float32], top_p: float, draws: NDArray[np.float64]) -> NDArray[np.int64]:
    """Draw a column of each row from the likeliest that share the probability ``top_p``."""
    likeliest = np.argpartition(-logits, min(_MOST_DRAWN, logits.shape[1]) - 1, axis=1)[:, :_MOST_DRAWN]
    found = np.take_along_axis(logits, likeliest, 1).astype(np.float64)
    order = np.take_along_axis(likeliest, np.lexsort((likeliest, -found)), 1)
    sorted_logits = np.take_along_axis(logits, order, 1).astype(np.float64)
    shares = np.exp(sorted_logits - np.maximum(sorted_logits[:, :1], -1e30))
    total = shares.cumsum(1)
    before = total - shares
    shares[before > top_p * total[:, -1:]] = 0
    total = shares.cumsum(1)
    place = (total <= draws[:, None] * total[:, -1:]).sum(1)
    return np.take_along_axis(order, np.minimum(place, order.shape[1] - 1)[:, None], 1)[:, 0]
