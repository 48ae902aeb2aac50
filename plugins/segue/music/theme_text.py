"""Finding the words of a theme in a text: phrases of ``theme_words.toml``, figures, and what is negated."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

WORDS: Final = Path(__file__).parent / "theme_words.toml"
CONTROLS: Final = ("emotion", "style", "tempo", "mode", "density", "instruments")
_REACH: Final = 4
"""English words, or Chinese characters, over which a negation reaches."""


class Hit(NamedTuple):
    """A phrase that was found: which control it sets to what, how it reads, and whether it is negated."""

    control: str
    value: Any
    text: str
    negated: bool


class _Found(NamedTuple):
    """A token of the text: its normal form, how it reads, and whether a pause comes before it."""

    word: str
    pause: bool


@cache
def _words() -> dict[str, Any]:
    with WORDS.open("rb") as file:
        return tomllib.load(file)


@cache
def _idle() -> frozenset[str]:
    return frozenset(_words()["idle"]["words"].split())


@cache
def _phrases() -> dict[tuple[str, ...], list[tuple[str, Any]]]:
    """Return phrase, as tokens → what it says; a phrase may say several things."""
    found: dict[tuple[str, ...], list[tuple[str, Any]]] = {}
    for control in (*CONTROLS, "negation", "softener"):
        for entry in _words()[control]:
            value = (entry["valence"], entry["arousal"]) if control == "emotion" else entry["value"]
            for phrase in entry["words"].split(","):
                found.setdefault(tuple(token.word for token in _tokens(phrase)), []).append((control, value))
    return found


@cache
def _longest() -> int:
    return max(map(len, _phrases()))


def program_name(program: int) -> str:
    """Return the first English word for an instrument."""
    entry = next(entry for entry in _words()["instruments"] if entry["value"] == program)
    return str(entry["words"].split(",")[0].strip())


_TOKEN: Final = re.compile(r"[a-z0-9]+(?:['-][a-z0-9]+)*|[\u4e00-\u9fff]|[^\sa-z0-9\u4e00-\u9fff]")
_PAUSES: Final = frozenset(",.;:!?()\u2014\uff0c\u3002\uff1b\uff1a\uff01\uff1f\u3001\uff08\uff09")


def _tokens(text: str) -> list[_Found]:
    """Cut a text into English words and Chinese characters."""
    found: list[_Found] = []
    pause = False
    for word in _TOKEN.findall(text.lower().replace("\u2019", "'").replace("-", " ")):
        if word[0].isalnum():
            found.append(_Found(word, pause))
            pause = False
        else:
            pause |= word in _PAUSES
    return found


_ENDINGS: Final = (
    ("ies", "y"), ("ness", ""), ("fully", "ful"), ("ily", "y"), ("ly", ""), ("ing", ""), ("ing", "e"), ("ed", ""),
    ("ed", "e"), ("es", ""), ("s", ""), ("er", ""), ("er", "e"), ("ful", ""), ("y", ""), ("'s", ""), ("ish", ""),
    ("est", ""),
)  # fmt: skip


def _forms(word: str) -> Iterable[str]:
    """Yield a word and what it may be an inflected form of."""
    yield word
    if word.isascii():
        for ending, base in _ENDINGS:
            if word.endswith(ending) and len(word) - len(ending) >= 3:
                stem = word[: -len(ending)] + base
                yield stem
                if len(stem) > 3 and stem[-1] == stem[-2]:
                    yield stem[:-1]


def _look_up(tokens: Sequence[_Found], at: int) -> tuple[int, list[tuple[str, Any]]]:
    """Return the length of the longest phrase that begins at a token, and what it says."""
    phrases = _phrases()
    for length in range(min(_longest(), len(tokens) - at), 0, -1):
        if any(token.pause for token in tokens[at + 1 : at + length]):
            continue
        words = tuple(token.word for token in tokens[at : at + length])
        for last in _forms(words[-1]):
            if meaning := phrases.get((*words[:-1], last)):
                return length, meaning
    return 0, []


def said(hit: Hit) -> str:
    """Return how a phrase was heard."""
    return f"not {hit.text}" if hit.negated else hit.text


def find_phrases(text: str) -> tuple[list[Hit], list[str]]:
    """Find the phrases of a text, and the words that are in none."""
    tokens = _tokens(text)
    hits: list[Hit] = []
    unknown: dict[str, None] = {}
    at = 0
    reach, softened = 0, False
    while at < len(tokens):
        if tokens[at].pause:
            reach = 0
        length, meaning = _look_up(tokens, at)
        controls = {control for control, _ in meaning}
        words = [token.word for token in tokens[at : at + max(length, 1)]]
        shown = ("" if not words[0].isascii() else " ").join(words)
        if "negation" in controls:
            reach, softened = _REACH + 1, False
        elif "softener" in controls:
            softened = reach > 0
        elif meaning:
            if not (reach and softened):
                hits += [Hit(control, value, shown, reach > 0) for control, value in meaning]
        elif words[0] not in _idle() and not words[0].isdigit():
            unknown[words[0]] = None
        reach = max(0, reach - 1)
        at += max(length, 1)
    return hits, _join_characters(unknown, tokens)


def _join_characters(unknown: Iterable[str], tokens: Sequence[_Found]) -> list[str]:
    """Put Chinese characters that follow each other together again."""
    wanted = set(unknown)
    joined: list[str] = []
    before = False
    for token in tokens:
        if token.word in wanted:
            if before and not token.word.isascii() and not token.pause and not joined[-1].isascii():
                joined[-1] += token.word
            else:
                joined.append(token.word)
        before = token.word in wanted
    return list(dict.fromkeys(joined))


_DIGITS: Final = r"\d一二三四五六七八九十百零两"
_BPM: Final = re.compile(
    r"(\d{2,3})\s*(?:bpm|beats? (?:per|a) minute)|tempo (?:of )?(\d{2,3})"
    rf"|每分钟\s*([{_DIGITS}]+)\s*拍|([{_DIGITS}]{{2,}})\s*(?:拍(?!子)|bpm)",
    re.IGNORECASE,
)
_KEY: Final = re.compile(r"\b([A-Ga-g])[\s-]?(sharp|flat|#|b|♯|♭)?[\s-]?(major|minor)\b")
_KEY_ZH: Final = re.compile(r"([升降]?)([A-Ga-g])([#b♯♭]?)\s*(大调|小调)")
_STEPS: Final = {"c": 0, "d": 2, "e": 4, "f": 5, "g": 7, "a": 9, "b": 11}
_SHIFT: Final = {"sharp": 1, "#": 1, "♯": 1, "升": 1, "flat": -1, "b": -1, "♭": -1, "降": -1}


def find_figures(text: str) -> tuple[dict[str, tuple[Any, tuple[str, ...]]], str]:
    """Read a tempo and a key that are stated exactly; return them and the text without them."""
    stated: dict[str, tuple[Any, tuple[str, ...]]] = {}
    if found := _BPM.search(text):
        tempo = _number(next(group for group in found.groups() if group))
        if 20 <= tempo <= 300:
            stated["tempo"] = float(tempo), (found[0],)
            text = text.replace(found[0], " ")
    if found := _KEY.search(text):
        step, accidental, mode = found.groups()
        stated["key"] = ((_STEPS[step.lower()] + _SHIFT.get(accidental, 0)) % 12, mode == "minor"), (found[0],)
    elif found := _KEY_ZH.search(text):
        before, step, after, mode = found.groups()
        tonic = _STEPS[step.lower()] + _SHIFT.get(before, 0) + _SHIFT.get(after, 0)
        stated["key"] = (tonic % 12, mode == "小调"), (found[0],)
    return stated, text.replace(found[0], " ") if found else text


def _number(text: str) -> int:
    """Read a number in figures, or in Chinese characters up to 999."""
    if text.isdecimal():
        return int(text)
    total, digit = 0, 0
    for character in text:
        if character in "十百":
            total += max(digit, 1) * (100 if character == "百" else 10)
            digit = 0
        elif not character.isdecimal():
            digit = "零一二三四五六七八九".find(character.replace("两", "二"))
    return total + digit
