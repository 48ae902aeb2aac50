"""Themes in words: the held-out sentences of ``themes/`` were written before the word lists."""

from pathlib import Path

import pytest
from segue.music.theme import Theme, fill, read_theme
from segue.v1 import generate_pb2, music_pb2

TEMPOS = {"slow": (30, 76), "moderate": (76, 116), "fast": (112, 220)}
PROGRAMS = {
    "piano": {0}, "cello": {42}, "electric-guitar": {27, 29, 30}, "strings": {48}, "bass": {32, 33}, "guitar": {24, 25},
    "brass": {61}, "flute": {73}, "violin": {40}, "choir": {52}, "saxophone": {65}, "ukulele": {24}, "trumpet": {56},
    "drums": {128}, "clarinet": {71}, "harp": {46}, "organ": {19}, "harpsichord": {6}, "guzheng": {107}, "erhu": {110},
    "pad": {88}, "harmonica": {22}, "banjo": {105}, "recorder": {74}, "pipa": {106}, "bells": {14},
}  # fmt: skip
LISTS = ("english", "chinese", "english_free", "chinese_free")
CONTROLS = ("emotion", "style", "tempo", "mode", "density", "instruments")


def sentences(language: str) -> list[tuple[str, dict[str, str]]]:
    lines = (Path(__file__).parent / "themes" / f"{language}.txt").read_text(encoding="utf-8").splitlines()
    pairs = [line.rsplit(" | ", 1) for line in lines]
    return [(text, dict(wish.split("=") for wish in wishes.split())) for text, wishes in pairs]


def is_right(theme: Theme, control: str, wanted: str | None) -> bool:
    if control == "emotion":
        return theme.emotion == (wanted or "")
    if control == "style":
        return theme.style == (wanted or "")
    if control == "mode":
        return theme.minor is (None if wanted is None else wanted == "minor")
    if control == "density":
        return (
            theme.density is None
            if wanted is None
            else theme.density is not None and (theme.density > 0.5) == (wanted == "dense")
        )
    if control == "tempo":
        if wanted is None or theme.tempo is None:
            return wanted is None and theme.tempo is None
        low, high = TEMPOS.get(wanted) or (float(wanted), float(wanted))
        return low <= theme.tempo <= high
    names = wanted.split(",") if wanted else []
    found = list(theme.instruments)
    return len(found) == len(names) and all(any(p in PROGRAMS[name] for p in found) for name in names)


def accuracy(language: str, control: str) -> tuple[int, int]:
    """Count sentences whose control is read rightly, among those that name it or are read as naming it."""
    right = total = 0
    for text, wanted in sentences(language):
        theme = read_theme(text)
        silent = is_right(theme, control, None)
        if control in wanted or not silent:
            total += 1
            right += is_right(theme, control, wanted.get(control))
    return right, total


def report() -> str:
    """The table of the README: right / sentences, by language and control."""
    rows = ["| control | English | Chinese | English, freer | Chinese, freer |", "|---|---|---|---|---|"]
    for control in CONTROLS:
        cells = [accuracy(language, control) for language in LISTS]
        rows.append(
            f"| {control} | "
            + " | ".join(f"{right}/{total} ({right / max(total, 1):.2f})" for right, total in cells)
            + " |"
        )
    return "\n".join(rows)


@pytest.mark.parametrize("language", ["english", "chinese"])
def test_held_out_sentences_are_understood(language):
    least = {"emotion": 0.9, "style": 0.9, "tempo": 0.9, "mode": 1, "density": 1, "instruments": 0.85}
    for control, share in least.items():
        right, total = accuracy(language, control)
        assert right >= share * total, control


def test_keys_tempos_and_numbers_are_exact():
    theme = read_theme("a hymn in F sharp minor at 90 bpm, not too fast")
    assert (theme.tonic, theme.minor, theme.tempo) == (6, True, 90)
    theme = read_theme("降E大调 每分钟一百二十八拍")
    assert (theme.tonic, theme.minor, theme.tempo) == (3, False, 128)
    assert read_theme("三拍子的圆舞曲").tempo is None
    assert read_theme("999 bpm").tempo is None


@pytest.mark.parametrize(
    ("text", "emotion"),
    [
        ("not sad", "happy"),
        ("nothing calm", "tense"),
        ("not sad, but angry", "tense"),
        ("不要紧张", "calm"),
        ("不是快乐", "sad"),
        ("the sad sea, not happy", "sad"),
    ],
)
def test_negation_turns_a_mood_round(text, emotion):
    assert read_theme(text).emotion == emotion


def test_what_is_unknown_or_contradicts_itself_is_said():
    theme = read_theme("happy but sad, slow and fast, quantum zebra 桌子")
    assert theme.unknown == ("quantum", "zebra", "桌子")
    assert theme.tempo == 60
    texts = [notice.text for notice in theme.notices()]
    assert any("'happy' and 'sad'" in text for text in texts)
    assert any("'fast'" in text and "'slow'" in text for text in texts)
    assert "quantum" in texts[-1]
    assert "('slow')" in next(text for text in theme.sentences() if "tempo" in text)


@pytest.mark.parametrize("text", ["", "   ", "!?", "\x00\u200b", "a" * 5000, "不" * 3000, "\U0001f3b5 " * 500])
def test_any_text_is_read(text):
    assert read_theme(text).sentences() == []


def test_the_fields_of_a_request_win_over_its_theme():
    request = generate_pb2.GenerateRequest(theme="a slow sad jazz waltz in D minor for flute", tempo=99)
    filled, theme, understood, notices = fill(request, {"tempo", "key", "instruments"})
    assert (filled.tempo, filled.theme, list(filled.instruments)) == (99, "", [73])
    assert filled.key == music_pb2.Key(tonic=2, mode=music_pb2.MODE_MINOR)
    assert theme.emotion == "sad"
    assert not filled.HasField("emotion")
    assert [text.split()[1] for text in understood] == ["key", "instruments"]
    texts = " ".join(notice.text for notice in notices)
    assert "tempo gave way" in texts
    assert "can't follow" in texts
    assert request.theme


def test_what_is_not_followed_is_said_in_english():
    request = generate_pb2.GenerateRequest(theme="a slow, sad and busy jazz piece in D minor for flute")
    said = [
        notice.text.removeprefix("This algorithm can't follow ") for notice in fill(request, {"style"}, ["rock"])[3]
    ]
    things = ("the style jazz", "an emotion", "a tempo", "a key", "instruments", "a density")
    assert said == [f"{thing}; that was left out." for thing in things]
    assert "follow a style;" in fill(request, set())[3][0].text


def test_a_style_is_filled_in_only_where_it_is_known():
    request = generate_pb2.GenerateRequest(theme="busy jazz, calm")
    filled = fill(request, {"style", "emotion", "attributes"}, ["jazz"])[0]
    assert (filled.style, filled.emotion.quadrant) == ("jazz", music_pb2.EMOTION_QUADRANT_CALM)
    assert filled.attributes.rhythmic_intensity > 0.5
    assert fill(request, {"style"}, ["rock"])[0].style == ""


if __name__ == "__main__":
    print(report())
    for language in LISTS:
        for text, wanted in sentences(language):
            theme = read_theme(text)
            wrong = [control for control in CONTROLS if not is_right(theme, control, wanted.get(control))]
            if wrong:
                print(language, text, wrong, theme.sentences(), theme.unknown)
