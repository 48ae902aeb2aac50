"""What words are about: vectors from which words stand together in stanzas, and the words of moods.

References
----------
.. [1] O. Levy and Y. Goldberg, "Neural word embedding as implicit matrix factorization", NIPS 2014: the factors of the
   positive pointwise mutual information.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray
from segue.plugins.lyrics.corpus import Song
from segue.plugins.lyrics.vocabulary import SPECIAL, Vocabulary

DIMENSIONS: Final = 48
_WINDOW: Final = 4
_STANDS_OUT: Final = 1.0
MOST: Final = 3.0
"""How much a word goes with a theme at most."""
_OWN: Final = 7.0
"""The same of a theme's own words: as those beside which they stand they came in two of 24 verses, so in fifteen."""
_SHORTEST_PART: Final = 3

MOODS: Final[Mapping[str, str]] = {
    "happy": "joy glad merry laugh laughing bright dance dancing sing cheer happy smile sunshine gay",
    "tense": "storm war battle fear blood dark thunder wrath fight foe danger terror rage sword",
    "sad": "tears sorrow grave weep mourn lonely parting grief sigh sad woe alone lost farewell",
    "calm": "peace gentle sleep dream still soft evening rest quiet moonlight calm breeze tender",
}
"""Words of each quadrant of the circumplex, by which an emotion is written."""

_CHINESE: Final = (
    "月 moon|月亮 moon|星 stars|太阳 sun|海 sea|大海 sea|河 river|江 river|山 mountain|天空 sky|风 wind|雨 rain|"
    "雪 snow|花 flowers|玫瑰 rose|树 tree|鸟 birds|春 spring|夏 summer|秋 autumn|冬 winter|夜 night|早晨 morning|"
    "黎明 dawn|梦 dream|爱 love|心 heart|家 home|故乡 home|母亲 mother|妈妈 mother|父亲 father|孩子 child|"
    "朋友 friend|战争 war|士兵 soldier|自由 freedom|死亡 death|离别 parting|告别 farewell|路 road|旅行 journey|船 ship|"
    "火车 train|城市 city|"
    "上帝 lord|天使 angels|歌 song|舞 dance|酒 wine|火 fire|金 gold|国王 king|泪 tears|笑 laugh|吻 kiss|眼睛 eyes|"
    "思念 longing|回忆 memory"
)
CHINESE: Final[Mapping[str, str]] = dict(pair.split() for pair in _CHINESE.split("|"))
"""Chinese words of themes, as the English ones they stand for."""


def topic_vectors(songs: Iterable[Song], vocabulary: Vocabulary) -> NDArray[np.float16]:
    """Return a vector of length 1 for each word, shape (words, 48): words of the same stanzas have like vectors."""
    from scipy import sparse  # training alone needs it
    from scipy.sparse.linalg import svds

    rows, columns = [], []
    for song in songs:
        for at in range(0, len(song.lines), _WINDOW):
            numbers = {vocabulary.number(word) for line in song.lines[at : at + _WINDOW] for word in line}
            known = [number for number in numbers if number >= len(SPECIAL)]
            for one in known:
                rows += [one] * len(known)
                columns += known
    size = len(vocabulary)
    counts = sparse.coo_matrix((np.ones(len(rows)), (rows, columns)), (size, size)).tocsr()
    counts.setdiag(0)
    total = np.maximum(np.asarray(counts.sum(1)).ravel(), 1)
    smooth = total**0.75
    pairs = counts.tocoo()
    information = (
        np.log(pairs.data + 1e-9) + np.log(smooth.sum()) - np.log(total[pairs.row]) - np.log(smooth[pairs.col])
    )
    positive = sparse.csr_matrix((np.maximum(information, 0), (pairs.row, pairs.col)), (size, size))
    wanted = min(DIMENSIONS, size - 1)
    left, strengths, _ = svds(positive, k=wanted, v0=np.ones(size))
    vectors = np.zeros((size, DIMENSIONS))
    vectors[:, :wanted] = left * np.sqrt(strengths)
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9), np.float16)


class Topics:
    """Finds words that go with a theme."""

    def __init__(self, vectors: NDArray[np.float16], vocabulary: Vocabulary) -> None:
        self._vectors = vectors.astype(np.float32)
        self._vocabulary = vocabulary

    def known(self, words: Iterable[str]) -> list[str]:
        """Return those words that the vocabulary has: Chinese ones in English, of others at least their two parts."""
        found = [part for word in words for part in self._parts(CHINESE.get(word, word))]
        return list(dict.fromkeys(found))

    def unknown(self, words: Iterable[str]) -> list[str]:
        """Return those words of which the vocabulary has nothing."""
        return [word for word in dict.fromkeys(words) if not self._parts(CHINESE.get(word, word))]

    def _parts(self, word: str) -> list[str]:
        """Return a word without its possessive, or the two that it is made of; nothing if they are not known."""
        word = word.removesuffix("'s")
        if self._has(word):
            return [word]
        cuts = range(_SHORTEST_PART, len(word) - _SHORTEST_PART + 1)
        return next(([word[:at], word[at:]] for at in cuts if self._has(word[:at]) and self._has(word[at:])), [])

    def _has(self, word: str) -> bool:
        return self._vocabulary.number(word) >= len(SPECIAL)

    def favour(self, words: Iterable[str], own: Iterable[str] = ()) -> NDArray[np.float32]:
        """Return how much each word of the vocabulary belongs to a theme, shape (words,): 0 for most, at most ``MOST``.

        Words that are the theme's ``own`` belong to it more than that.
        """
        numbers = [self._vocabulary.number(word) for word in words]
        if not numbers:
            return np.zeros(len(self._vocabulary), np.float32)
        likeness = (self._vectors @ self._vectors[numbers].T).max(1)
        usual = likeness[len(SPECIAL) :]
        stands_out = (likeness - usual.mean()) / (usual.std() + 1e-9) - _STANDS_OUT
        stands_out[: len(SPECIAL)] = 0
        found = np.clip(stands_out, 0, MOST)
        found[[self._vocabulary.number(word) for word in own]] = _OWN
        return np.asarray(found, np.float32)

    def nearest(self, word: str, count: int) -> list[str]:
        """Return a word and those that most stand with it, nearest first."""
        favour = self.favour([word])
        likeness = self._vectors @ self._vectors[self._vocabulary.number(word)]
        order = np.argsort(-np.where(favour > 0, likeness, -1), kind="stable")[:count]
        return [self._vocabulary.words[number] for number in order.tolist()]
