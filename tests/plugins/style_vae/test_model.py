"""What a request gets, through the model half with the shipped weights."""

from dataclasses import replace

import numpy as np
import pytest
from segue.music import Meter, Piece, TrackInfo, piece_to_midi
from segue.plugin_api.errors import InvalidField, Unsupported
from segue.plugins.style.arrangement import read_arrangement
from segue.plugins.style.hearing import hear
from segue.plugins.style_vae.attributes import NAMES, measure
from segue.plugins.style_vae.bars import Timeline
from segue.v1 import analyze_pb2, music_pb2, transfer_pb2

from .conftest import DRUM, ask, attributes, band, item, read, rows_of


def figures(piece: Piece, bar: int = 4) -> np.ndarray:
    bars = np.arange(0, np.ceil(piece.beats / bar) * bar + 1, bar, dtype=float)
    return measure(piece, Timeline.of(bars, bars, bars))


def tune(piece: Piece) -> Piece:
    return piece.select(piece.track == 0)


@pytest.mark.parametrize("figure", range(4))
@pytest.mark.parametrize("bar", [3, 4])
def test_a_slider_moves_its_figure_and_the_melody_stays(model, networks, figure, bar):
    piece = band(bar)
    got = [
        figures(read(ask(model, item(piece, networks, **attributes(**{NAMES[figure]: asked})))), bar)[figure]
        for asked in (0.05, 0.95)
    ]
    assert got[0] < got[1]
    result = read(ask(model, item(piece, networks, **attributes(**{NAMES[figure]: 0.95}))))
    assert rows_of(tune(piece)) <= rows_of(result)


def test_what_is_not_asked_for_stays(model, networks):
    piece = band()
    before, after = figures(piece), figures(read(ask(model, item(piece, networks, **attributes(polyphony=0.9)))))
    assert after[0] == pytest.approx(before[0], abs=0.02)
    assert after[2] == pytest.approx(before[2], abs=1)


def test_strength_0_gives_the_piece_back_and_more_goes_farther(model, networks):
    piece = band()
    none = read(ask(model, item(piece, networks, strength=0.0, **attributes(polyphony=0.9, loudness=0.1))))
    assert rows_of(none) == rows_of(piece)
    assert none.velocity.tolist() == piece.velocity.tolist()
    got = [
        figures(read(ask(model, item(piece, networks, strength=s, **attributes(rhythmic_intensity=1.0)))))[0]
        for s in (0.0, 0.3, 0.6, 1.0)
    ]
    assert got == sorted(got)
    assert got[0] < got[-1]


def test_time_and_words_survive(model, networks):
    piece = band()
    result = read(ask(model, item(piece, networks, **attributes(rhythmic_intensity=0.8, register=0.2))))
    assert result.tempos == piece.tempos
    assert result.meters == piece.meters
    assert result.lyrics == piece.lyrics
    assert piece.tracks[1].pedals == result.tracks[1].pedals == ((0.0, 3.5),)
    assert len(result.tracks[1].controls) == 2  # a bend was meant for notes that are no longer there
    assert [info.name for info in result.tracks] == [info.name for info in piece.tracks]


def test_drums_are_thinned_and_never_invented(model, networks):
    piece = band()
    calm = read(ask(model, item(piece, networks, **attributes(rhythmic_intensity=0.0))))
    busy = read(ask(model, item(piece, networks, **attributes(rhythmic_intensity=1.0))))
    assert set(busy.pitch[busy.is_drum].tolist()) == {DRUM}
    assert calm.is_drum.sum() <= piece.is_drum.sum() == busy.is_drum.sum()


def test_a_melody_alone_gets_an_accompaniment_if_it_is_to(model, networks):
    piece = band(drums=False, chords=False)
    answer = ask(model, item(piece, networks, **attributes(polyphony=0.6)))
    result = read(answer)
    assert figures(result)[1] > 1.5
    assert rows_of(tune(piece)) <= rows_of(result)
    alone = read(ask(model, item(piece, networks, **attributes(loudness=0.9))))
    assert rows_of(alone) == rows_of(piece)


def test_in_a_style_a_melody_alone_is_accompanied_from_below(model, networks):
    piece = band(drums=False, chords=False)
    made = read(ask(model, item(piece, networks, style="pop_ballad")))
    new = made.select(~np.isin(made.track, [row for row, info in enumerate(made.tracks) if info == piece.tracks[0]]))
    assert len(new) > len(piece)
    assert new.pitch.min() >= 36
    assert new.pitch.max() < np.median(piece.pitch)


def test_the_melody_keeps_its_lengths_in_the_track_of_its_accompaniment(model, networks):
    piece = band(drums=False)
    piece = Piece.of(piece.start, piece.duration, piece.pitch, piece.velocity, 0)
    answer = ask(model, item(piece, networks, **attributes(polyphony=0.95, rhythmic_intensity=0.8)))
    melody = read_arrangement(piece, hear(piece_to_midi(piece), networks)).melody
    made = read(answer)
    for pitch in np.unique(made.pitch).tolist():
        own = made.select(made.pitch == pitch)
        assert (own.end[:-1] <= own.start[1:] + 2e-3).all()
    assert rows_of(piece.select(melody)) <= rows_of(made)


def test_drums_alone_keep_to_drums(model, networks):
    tracks = (TrackInfo("Drums", 0, True),)
    piece = Piece.of(np.arange(64) / 4, 0.1, 42, 80, 0, tracks=tracks, meters=(Meter(0.0, 4, 4),))
    answer = ask(model, item(piece, networks, **attributes(rhythmic_intensity=0.1, loudness=0.1)))
    result = read(answer)
    assert result.is_drum.all()
    assert 0 < len(result) < len(piece)
    said = " ".join(notice.text for notice in answer.notices)
    assert "only loudness and the number of strokes follow" in said
    assert "melody" not in said + " ".join(answer.kept)
    answer = ask(model, item(piece, networks, style="jazz"))
    assert len(read(answer)) == len(piece)
    assert any("nothing is written anew" in notice.text for notice in answer.notices)


def test_silence_stays_silent(model, networks):
    first, last = band(bars=4), band(bars=4)
    whole = first.with_notes(
        start=np.r_[first.start + 8, last.start + 40],
        **{
            name: np.r_[getattr(first, name), getattr(last, name)]
            for name in ("duration", "pitch", "velocity", "track")
        },
    )
    for wish in ({"style": "jazz"}, attributes(rhythmic_intensity=0.9, polyphony=0.9)):
        result = read(ask(model, item(whole, networks, **wish)))
        assert result.start.min() > 7.5
        assert not ((result.start > 24.2) & (result.start < 39.5)).any()
        assert (result.start >= 40).sum() > len(tune(last))


def test_a_piece_without_a_melody_says_so(model, networks):
    chords = band(bars=4).select(band(bars=4).track > 0)
    chords = chords.with_notes(duration=np.where(chords.track == 1, 1.0, 0.1))
    asked = item(chords, networks, **attributes(polyphony=0.9))
    analysis = analyze_pb2.AnalyzeResponse.FromString(asked.context)
    analysis.ClearField("melody")
    answer = ask(model, replace(asked, context=analysis.SerializeToString()))
    assert any("No melody was heard" in notice.text for notice in answer.notices)
    assert not any("melody" in sentence for sentence in answer.kept)


def test_changing_metres_and_many_tracks_are_answered(model, networks):
    piece = band()
    meters = (Meter(0.0, 4, 4), Meter(8.0, 3, 4), Meter(20.0, 7, 8))
    tracks = tuple(TrackInfo(f"Track {n}", n) for n in range(15))
    spread = replace(piece, meters=meters, tracks=tracks, track=np.arange(len(piece)) % 15).with_notes()
    result = read(ask(model, item(spread, networks, **attributes(polyphony=0.2, rhythmic_intensity=0.7))))
    assert result.meters == meters
    assert len(result) > 0


def test_an_emotion_sets_figures_and_tempo(model, networks):
    piece = band()
    sad = ask(model, item(piece, networks, **attributes(emotion=music_pb2.Emotion(quadrant="EMOTION_QUADRANT_SAD"))))
    happy = ask(
        model, item(piece, networks, **attributes(emotion=music_pb2.Emotion(quadrant="EMOTION_QUADRANT_HAPPY")))
    )
    low, high = read(sad), read(happy)
    assert low.tempos[0].quarters_per_minute < 100 < high.tempos[0].quarters_per_minute
    assert (figures(low)[[0, 2, 3]] < figures(high)[[0, 2, 3]]).all()
    assert any("stays in major" in notice.text for notice in sad.notices)
    assert rows_of(tune(piece)) <= rows_of(low)
    minor = read(
        ask(
            model,
            item(
                piece,
                networks,
                {"mode": "follow", "tempo": "keep"},
                **attributes(emotion=music_pb2.Emotion(valence=-0.8)),
            ),
        )
    )
    assert 3 in (minor.pitch % 12)
    assert 4 not in (tune(minor).pitch % 12)
    assert minor.tempos == piece.tempos


def test_a_style_brings_its_instruments_and_keeps_the_melody(model, networks):
    piece = band()
    result = read(ask(model, item(piece, networks, style="jazz")))
    assert rows_of(tune(piece)) <= rows_of(result)
    assert {"Bass", "Chords"} & {info.name for info in result.tracks}
    assert rows_of(result) != rows_of(piece)


def test_alone_as_in_a_batch(model, networks):
    items = [item(band(bar), networks, **attributes(polyphony=0.8)) for bar in (3, 4)]
    together = model.answer(items)
    assert [ask(model, one) for one in items] == list(together)


def test_what_can_not_be_met_is_said(model, networks):
    piece = band(chords=False, drums=False)
    low = piece.with_notes(pitch=piece.pitch - 48)
    answer = ask(model, item(low, networks, **attributes(register=1.0)))
    assert any(notice.subject == "attributes.register" for notice in answer.notices)


def test_bad_requests_are_named(model, networks):
    piece = band()
    nothing = ask(model, item(piece, networks, attributes=music_pb2.Attributes()))
    assert isinstance(nothing, InvalidField)
    assert "sets nothing" in str(nothing)
    for style in ("polka", "ambient"):
        unknown = ask(model, item(piece, networks, style=style))
        assert isinstance(unknown, InvalidField)
        assert f"'{style}'" in str(unknown)
    other = ask(model, item(piece, networks, polish=transfer_pb2.Polish()))
    assert isinstance(other, Unsupported)


@pytest.mark.parametrize("style", ["bossanova", "salsa", "rock", "disco", "hiphop"])
def test_a_style_has_a_bass_of_one_line_within_its_reach(model, networks, style):
    """All low notes were the bass's, chords among them; bossa nova's stood on a guitar, disco's went down to G0."""
    made = read(ask(model, item(band(), networks, style=style)))
    basses = [number for number, info in enumerate(made.tracks) if info.name == "Bass"]
    low = made.select(np.isin(made.track, basses))
    assert len(low) or style == "hiphop"
    assert {made.tracks[track].program // 8 for track in basses} <= {4}
    assert made.without_drums().pitch.min() >= 26
    assert (np.diff(np.sort(low.start)) > 0.01).all()
