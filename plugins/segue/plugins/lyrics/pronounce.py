"""How English words sound: syllables, stresses and rhymes, and where a spelling is divided.

The sounds are those of the CMU Pronouncing Dictionary, which lies in ``cmudict/`` with its licence; words it lacks are
read by rule.

References
----------
.. [1] *The CMU Pronouncing Dictionary*, Carnegie Mellon University, http://www.speech.cs.cmu.edu/cgi-bin/cmudict.
"""

from __future__ import annotations

import gzip
import re
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Final, NamedTuple

DICTIONARY: Final = Path(__file__).parent / "cmudict" / "cmudict.dict.gz"

_POETIC: Final = (
    "o'er AO1 R|e'er EH1 R|ne'er N EH1 R|e'en IY1 N|ev'ry EH1 V R IY0|heav'n HH EH1 V N|pow'r P AW1 R|"
    "flow'r F L AW1 R|flow'rs F L AW1 R Z|heav'nly HH EH1 V N L IY0|thro' TH R UW1|thro TH R UW1|tho DH OW1|"
    "gi'e G IY1|hath HH AE1 TH|thou DH AW1|thee DH IY1|thy DH AY1|thine DH AY1 N|ye Y IY1|doth D AH1 TH|"
    "wert W ER1 T|wilt W IH1 L T|hast HH AE1 S T|dost D AH1 S T|art AA1 R T|shalt SH AE1 L T|lovin L AH1 V IH0 N|"
    "mammy M AE1 M IY0|oer AO1 R|neath N IY1 TH|ere EH1 R"
)
"""Words of songs that the dictionary lacks or reads otherwise."""
_LIGHT: Final = (
    "a an and as at but by for from in into is it its of on or than that the their then there they this to was "
    "were with am are be been do does had has have he her him his i if me my our she so some such them these "
    "those us we what when which who will would you your shall should can could may might must not no nor thy "
    "thee thou ye o oh"
)
_WEAK: Final = frozenset(_LIGHT.split())
"""Words of one syllable that a line may pass over lightly."""


class Sound(NamedTuple):
    """A word as it is sung.

    Attributes
    ----------
    stresses
        For each syllable 1 where stressed, 0.5 where lightly, 0 where not.
    rhyme
        Its sounds from the last stressed vowel on, without stress marks, e.g. ``"AY T"`` for "night"; empty if unknown.
    """

    stresses: tuple[float, ...]
    rhyme: str

    @property
    def syllables(self) -> int:
        """Number of syllables, at least 1."""
        return len(self.stresses)


@cache
def _dictionary() -> dict[str, str]:
    """Word → phonemes, the first pronunciation of each."""
    found: dict[str, str] = {}
    with gzip.open(DICTIONARY, "rt", encoding="utf-8") as file:
        for line in file:
            word, _, phonemes = line.split("#")[0].strip().partition(" ")
            if "(" not in word:
                found[word] = phonemes
    for entry in _POETIC.split("|"):
        word, _, phonemes = entry.partition(" ")
        found[word] = phonemes
    return found


def known(word: str) -> bool:
    """Return whether the dictionary has a word, in lower case."""
    return word in _dictionary()


def sound(word: str) -> Sound:
    """Return how a word, in lower case, sounds: by the dictionary, else by ``sound_by_rule``."""
    phonemes = _dictionary().get(word)
    return _read(word, phonemes.split()) if phonemes else sound_by_rule(word)


def _read(word: str, phonemes: list[str]) -> Sound:
    vowels = [index for index, phoneme in enumerate(phonemes) if phoneme[-1].isdigit()]
    if not vowels:  # a handful of entries such as "hm"
        return Sound((0.0,), "")
    marks = [phonemes[index][-1] for index in vowels]
    stresses = tuple({"1": 1.0, "2": 0.5, "0": 0.0}[mark] for mark in marks)
    if len(vowels) == 1:
        stresses = (0.0 if word in _WEAK else 1.0,)
    last = max((at for at, mark in zip(vowels, marks, strict=True) if mark != "0"), default=vowels[-1])
    return Sound(stresses, " ".join(phoneme.rstrip("012") for phoneme in phonemes[last:]))


_SILENT_E: Final = re.compile(r"[^aeiouyl]e$|[aeiouy]le$")
_SILENT_ED: Final = re.compile(r"[^aeioudty]ed$")
_SILENT_ES: Final = re.compile(r"[^aeiousxzcgy]es$|[^sc]hes$")
_VOWELS: Final = re.compile(r"[aeiouy]+")


def sound_by_rule(word: str) -> Sound:
    """Guess how a word sounds from its spelling: groups of vowels, less those that are silent at the end.

    The first syllable is taken as stressed; the rhyme is unknown.
    """
    letters = re.sub(r"[^a-z]", "", word)
    groups = len(_VOWELS.findall(letters)) + len(re.findall(r"i[ao](?!us)|eo|ua|[aeiou]ing$", letters[1:]))
    groups -= len(re.findall(r"[tsc]io", letters))
    if groups > 1 and any(rule.search(letters) for rule in (_SILENT_E, _SILENT_ED, _SILENT_ES)):
        groups -= 1
    count = max(groups, 1)
    return Sound((1.0, *[0.0] * (count - 1)), "")


_TOGETHER: Final = re.compile(r"(?:ch|sh|th|ph|wh|gh|ck|ng|qu|[bcdfgkpt][lr]|s[ptkcwlmn])$")


def divide(word: str, count: int) -> list[str]:
    """Divide a spelling into ``count`` syllables, as it is set under notes; letters and their order are kept.

    A consonant between vowels begins the next syllable; of two, the second does, unless they belong together.
    """
    if count <= 1:
        return [word]
    groups = [match.span() for match in _VOWELS.finditer(word.lower())]
    if len(groups) > count and word.lower()[groups[-1][0] :] in ("e", "es", "ed"):
        groups.pop()
    while len(groups) > count:  # the closest neighbours share a syllable
        gaps = [after[0] - before[1] for before, after in pairwise(groups)]
        at = gaps.index(min(gaps))
        groups[at : at + 2] = [(groups[at][0], groups[at + 1][1])]
    while len(groups) < count:  # a group of several vowels is two, else letters are shared out
        wide = [index for index, (begin, end) in enumerate(groups) if end - begin > 1]
        if not wide:
            return _evenly(word, count)
        begin, end = groups[wide[-1]]
        groups[wide[-1] : wide[-1] + 1] = [(begin, begin + 1), (begin + 1, end)]
    cuts = [0]
    for (_, end), (begin, _) in pairwise(groups):
        between = word[end:begin].lower()
        keep = 0 if len(between) <= 1 else len(between) // 2
        if len(between) > 1 and (together := _TOGETHER.search(between)):
            keep = together.start()
        cuts.append(end + keep)
    return [word[a:b] for a, b in zip(cuts, [*cuts[1:], len(word)], strict=True)]


def _evenly(word: str, count: int) -> list[str]:
    """Cut a word into pieces of about equal length; the last ones are empty if there are too few letters."""
    edges = [round(index * len(word) / count) for index in range(count + 1)]
    return [word[a:b] for a, b in pairwise(edges)]
