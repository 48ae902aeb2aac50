import numpy as np
import pytest
from segue.music import Piece, TrackInfo, midi_to_piece
from segue.music.musicxml import musicxml_to_piece
from segue.plugin_api import InvalidField, InvalidMusic, InvalidOption
from segue.plugins.lyrics.corpus import words_of
from segue.plugins.lyrics.pronounce import sound
from segue.plugins.lyrics.screen import is_offensive
from segue.v1 import generate_pb2, music_pb2

from ..in_process import run_to_the_end
from .conftest import answer, given, item, tune

OPENING = generate_pb2.GIVEN_ROLE_OPENING


def wish(**fields) -> generate_pb2.LyricsWish:
    return generate_pb2.LyricsWish(**fields)


def verse_of(response: generate_pb2.GenerateResponse) -> list[list[str]]:
    return [words_of(line) for line in response.pieces[0].verse.split("\n")]


def syllables(line: list[str]) -> int:
    return sum(sound(word).syllables for word in line)


@pytest.mark.parametrize("lines", [(8, 6, 8, 6), (7, 7, 7, 7, 7, 7), (4, 11, 5)])
@pytest.mark.parametrize("seed", [1, 2])
def test_every_note_has_one_syllable(model, lines, seed):
    response = answer(model, item(seed, given=given(tune(lines))))
    assert [syllables(line) for line in verse_of(response)] == list(lines)
    piece = response.pieces[0]
    read = midi_to_piece(piece.music.midi)[0]
    assert [word.beat for word in piece.lyrics] == pytest.approx(tune(lines).start.tolist())
    assert [word.text for word in read.lyrics] == [word.text for word in piece.lyrics]
    assert (read.start == tune(lines).start).all()
    assert (read.pitch == tune(lines).pitch).all()
    printed = musicxml_to_piece(piece.musicxml)[0]
    assert [word.text for word in printed.lyrics] == [word.text for word in piece.lyrics]
    joined = " ".join(word.text for word in piece.lyrics).replace("- ", "")
    assert joined == piece.verse.replace("\n", " ")


@pytest.mark.parametrize("scheme", ["AABB", "ABAB", "ABCB", "AAAA", "ABBA", "ABAC"])
def test_the_rhyme_scheme_is_kept(model, scheme):
    for seed in range(2):
        lines = verse_of(answer(model, item(seed, lyrics=wish(rhyme_scheme=scheme))))
        ends = [line[-1] for line in lines]
        assert len(set(ends)) == len(ends) == len(scheme)
        for i in range(len(scheme)):
            for j in range(i):
                alike = sound(ends[i]).rhyme == sound(ends[j]).rhyme
                assert alike == (scheme[i] == scheme[j]), (ends[i], ends[j])


def test_a_scheme_begins_anew_with_each_stanza(model):
    response = answer(model, item(options={"lines": 12}, lyrics=wish(rhyme_scheme="ABAB")))
    assert any("ABABCDCDEFEF" in text for text in response.understood)
    assert [syllables(line) for line in verse_of(response)] == [8, 6] * 6


def test_same_seed_same_bytes_alone_and_in_a_full_batch(model):
    requests = [item(seed, lyrics=wish(rhyme_scheme="AABB"), theme="night") for seed in range(3)]
    requests.append(item(9, given=given(tune((5, 9)))))
    together = [messages[-1].SerializeToString(deterministic=True) for messages in run_to_the_end(model, requests)]
    for index in (0, 3):
        assert run_to_the_end(model, [requests[index]])[0][-1].SerializeToString(deterministic=True) == together[index]
    assert len({*together}) == len(together)


def test_bars_arrive_in_order_with_their_words(model):
    messages = run_to_the_end(model, [item(given=given(tune()))])[0]
    bars = [message.bar for message in messages[:-1]]
    piece = messages[-1].complete.pieces[0]
    assert [bar.number for bar in bars] == list(range(1, piece.bars + 1))
    assert [word.text for bar in bars for word in bar.score.lyrics] == [word.text for word in piece.lyrics]
    assert sum(len(bar.score.tracks[0].notes) for bar in bars) == len(tune())


def test_given_words_are_set_as_they_are(model):
    text = "Amazing grace! How sweet the sound,\nthat saved a friend like me."
    response = answer(model, item(given=given(tune((8, 6, 4))), lyrics=wish(text=text)))
    piece = response.pieces[0]
    assert piece.verse == text
    assert [word.text for word in piece.lyrics][:5] == ["A-", "ma-", "zing", "grace!", "How"]
    assert not piece.HasField("originality")
    assert "4 notes" in response.notices[0].text
    alone = answer(model, item(lyrics=wish(text=text)))
    assert len(alone.pieces[0].lyrics) == len(midi_to_piece(alone.pieces[0].music.midi)[0]) == 14


def test_copies_are_reported_and_kept_short(model):
    for seed in range(3):
        piece = answer(model, item(seed, options={"copied_words": 4, "temperature": 0.5})).pieces[0]
        assert piece.originality.longest_run <= 4
        assert piece.originality.copied_fraction == 0


def test_no_verse_holds_a_screened_word(model):
    requests = [item(seed, options={"temperature": 1.6, "top_p": 1.0, "lines": 6}) for seed in range(2)]
    for messages in run_to_the_end(model, requests):
        assert not any(is_offensive(word) for line in verse_of(messages[-1].complete) for word in line)


def near(model, theme: str) -> set[str]:
    return set(model._topics.nearest(theme, 60))


def test_a_theme_brings_its_words(model):
    def share(theme: str, asked: str) -> float:
        words = [
            word for seed in range(3) for line in verse_of(answer(model, item(seed, theme=asked))) for word in line
        ]
        return float(np.mean([word in near(model, theme) for word in words]))

    assert share("sea", "a song of the sea") > share("sea", "a song of love") + 0.05


def test_most_verses_say_what_they_are_about(model):
    """Two of 24 held a word of their themes."""
    themes = ("rain on a tin roof", "lighthouse in winter", "moving to a new city", "the dog at the door")
    held = []
    for seed, theme in enumerate(themes * 3):
        response = answer(model, item(seed, theme=theme))
        own = response.understood[0].removeprefix("theme: about ").split(", ")
        held.append(any(word.lower() in own for line in verse_of(response) for word in line))
    assert np.mean(held) > 0.6


def test_a_word_of_two_known_ones_is_both_and_what_is_unknown_is_named(model):
    lighthouse = answer(model, item(theme="the lighthouse"))
    assert lighthouse.understood[0] == "theme: about light, house"
    assert not lighthouse.notices
    bicycle = answer(model, item(theme="my mother's broken bicycle"))
    assert bicycle.understood[0] == "theme: about mother, broken"
    assert [(notice.subject, "bicycle" in notice.text) for notice in bicycle.notices] == [("theme", True)]


def test_what_no_text_has_side_by_side_is_taken_last(model, monkeypatch):
    """'For all that I has ever seem', 'And never will not say': verses read from the end don't see where they begin."""
    requests = [item(seed, theme="an old house") for seed in range(6)]

    def unheard() -> int:
        poet, found = model._poet, 0
        for messages in run_to_the_end(model, requests):
            for line in verse_of(messages[-1].complete):
                pairs, triples = poet.texts.unheard([poet.vocabulary.number(word.lower()) for word in line])
                found += pairs + triples
        return found

    now = unheard()
    monkeypatch.setattr("segue.plugins.lyrics.poet._UNHEARD_PAIR", 0.0)
    monkeypatch.setattr("segue.plugins.lyrics.poet._UNHEARD_TRIPLE", 0.0)
    assert now < 0.85 * unheard()


def test_themes_may_be_chinese_and_emotions_fields(model):
    response = answer(model, item(theme="思念大海的夜"))
    assert "sea" in response.understood[0]
    sad = music_pb2.Emotion(quadrant=music_pb2.EMOTION_QUADRANT_SAD)
    assert any("emotion sad" in text for text in answer(model, item(emotion=sad)).understood)
    assert answer(model, item(theme="xyzzy")).notices[0].subject == "theme"


MELODY = given(tune())
REFUSED = {
    "style": {"style": "jazz"},
    "key": {"key": music_pb2.Key(tonic=0, mode=music_pb2.MODE_MAJOR)},
    "time_signature": {"time_signature": music_pb2.TimeSignature(numerator=3, denominator=4)},
    "bars": {"bars": 4},
    "instruments": {"instruments": [1]},
    "attributes": {"attributes": music_pb2.Attributes(polyphony=1)},
    "chords": {"chords": [music_pb2.Chord(symbol="C:maj")]},
    "form": {"form": ["A"]},
    "image": {"image": b"x"},
    "finish": {"finish": generate_pb2.Finish(fit_range=True)},
    "tempo": {"tempo": 90, "given": MELODY},
    "lyrics.language": {"lyrics": wish(language="zh")},
    "lyrics.rhyme_scheme": {"lyrics": wish(rhyme_scheme="AABBCC"), "given": MELODY},
    "lyrics.text": {"lyrics": wish(text="one two three four five six seven " * 5), "given": MELODY},
    "given": {"given": MELODY * 2},
    "given[0].role": {"given": given(tune(), role=OPENING)},
    "given[0].span": {"given": given(tune(), span=music_pb2.Span(start=0, end=4))},
    "given[0].track": {"given": given(tune(), track=3)},
    "given[0].music": {"given": given(Piece.of([0, 0], 1, [60, 64]))},
}


@pytest.mark.parametrize("field", REFUSED)
def test_a_wish_that_is_not_obeyed_is_refused_by_name(model, field):
    with pytest.raises((InvalidField, InvalidMusic)) as error:
        model.start(item(**REFUSED[field]))
    assert error.value.violations[0][0] == field


@pytest.mark.parametrize(
    ("one", "text"),
    [
        (item(lyrics=wish(rhyme_scheme="A" * 64)), "one rhyme"),
        (item(lyrics=wish(text="!!! ...")), "no word"),
        (item(lyrics=wish(text="月亮 代表")), "English"),
        (item(options={"syllables": "8 20"}), "1 to 14"),
        (item(options={"lines": 8}, given=MELODY), "without a melody"),
        (item(given=given(tune((8,) * 120))), "at most 800"),
        (item(given=given(Piece.of([0, 4000], 1, 60))), "at most 512"),
        (
            item(
                given=given(Piece.of([0, 1, 2, 3], 1, 60, 64, [0, 0, 1, 1], tracks=(TrackInfo("a"), TrackInfo("b", 1))))
            ),
            "2 pitched",
        ),
    ],
)
def test_what_is_wrong_is_said(model, one, text):
    with pytest.raises((InvalidField, InvalidMusic, InvalidOption), match=text):
        model.start(one)


@pytest.mark.parametrize("piece", [Piece.of([0], 1, 60), Piece.of([0, 1], 1, [60, 62]), tune((14, 14))])
def test_the_shortest_melodies_get_words(model, piece):
    response = answer(model, item(given=given(piece)))
    assert sum(syllables(line) for line in verse_of(response)) == len(piece)


def test_a_step_is_one_line_whoever_it_is_for(model):
    sessions = [model.start(item(seed, options={"lines": 4})) for seed in (1, 2, 3)]
    written = []
    for _ in range(6):
        model.step(sessions)
        written.append([len(session.verse.lines) for session in sessions])
    assert written == [[1, 0, 0], [1, 1, 0], [1, 1, 1], [2, 1, 1], [2, 2, 1], [2, 2, 2]]
