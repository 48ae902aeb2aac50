from dataclasses import replace

import numpy as np
import pytest
from segue.music import Control, Meter, Piece, TrackInfo
from segue.plugin_api import InvalidField
from segue.plugins.style.measure import StyleJudge
from segue.plugins.style.styles import GROUPS
from segue.v1 import music_pb2, transfer_pb2

from .conftest import item, notes, read, song


def ask(model, one) -> transfer_pb2.TransferResponse:
    found = model.answer([one])[0]
    if isinstance(found, Exception):
        raise found
    return found


@pytest.mark.parametrize("style", ["jazz", "classical", "pop", "latin", "Jazz Combo", "ragtime", "chorale", "arpeggio"])
def test_the_melody_stays_and_the_rest_is_written_anew(model, networks, style):
    source = song()
    response = ask(model, item(source, networks, style=style))
    piece = read(response)
    assert notes(piece, "Tune") == notes(source, "Tune")
    assert "Piano" not in {track.name for track in piece.tracks}
    assert any(track.name.startswith("Band") for track in piece.tracks)
    assert {figure.name: figure.after for figure in response.figures}["melody kept"] == 1
    assert response.kept[0].endswith(f"{(source.track == 0).sum()} notes.")
    assert piece.beats <= source.beats + 0.1


@pytest.mark.parametrize(("source", "target"), [("classical", "jazz"), ("jazz", "classical"), ("classical", "pop")])
def test_a_judge_who_was_not_asked_hears_the_target(model, networks, source, target):
    judge = StyleJudge()
    before = read(ask(model, item(song(16), networks, style=source)))
    after = read(ask(model, item(before, networks, style=target)))
    assert judge.probability(after, GROUPS[target]) > 0.5 > judge.probability(before, GROUPS[target])


def test_strength_0_is_the_piece_and_more_only_adds_bars(model, networks):
    source = song(16)
    answers = [
        ask(model, item(source, networks, style="jazz", strength=share)) for share in (0.0, 0.25, 0.5, 0.75, 1.0)
    ]
    assert notes(read(answers[0]), "Tune", "Piano", "Drums") == notes(source, "Tune", "Piano", "Drums")
    assert [track.name for track in read(answers[0]).tracks] == ["Tune", "Piano", "Drums"]
    kept = [set(notes(read(answer), "Piano")) for answer in answers]
    assert all(more < fewer for more, fewer in zip(kept[1:], kept, strict=False))
    assert not kept[-1]
    new = [set(notes(read(answer), "Bass (jazz_swing)")) for answer in answers]
    assert all(len(more) > len(fewer) for more, fewer in zip(new[1:], new, strict=False))
    assert "4 of 16 bars" in answers[1].notices[0].text


def test_same_seed_same_bytes_alone_or_in_a_batch(model, networks):
    items = [item(song(bars), networks, seed=bars, style="jazz") for bars in (3, 8, 20)]
    together = [answer.SerializeToString(deterministic=True) for answer in model.answer(items)]
    alone = [ask(model, one).SerializeToString(deterministic=True) for one in items]
    assert together == alone
    other = ask(model, item(song(8), networks, seed=9, style="jazz")).SerializeToString(deterministic=True)
    assert other != alone[1]


def test_options_are_obeyed(model, networks):
    stiff = read(ask(model, item(song(), networks, options={"looseness": 0.0, "drums": False}, style="bossanova")))
    assert not stiff.is_drum.any()
    np.testing.assert_allclose(4 * stiff.start, np.rint(4 * stiff.start), atol=1e-6)
    loose = read(ask(model, item(song(), networks, style="bossanova")))
    assert loose.is_drum.any()
    assert np.abs(4 * loose.start - np.rint(4 * loose.start)).max() > 0.02


def test_jazz_swings(model, networks):
    piece = read(ask(model, item(song(16), networks, options={"looseness": 0.0}, style="jazz_swing")))
    written = piece.start[piece.track > 0]
    phase = np.round(written % 1, 2)
    assert (np.abs(phase - 0.67) < 0.01).sum() > 10
    assert not (np.abs(phase - 0.5) < 0.01).any()


@pytest.mark.parametrize(("beats", "denominator"), [(3, 4), (6, 8), (7, 8), (2, 4), (5, 4)])
def test_other_metres_are_fitted_and_named(model, networks, beats, denominator):
    source = song(8, beats, denominator)
    response = ask(model, item(source, networks, style="jazz"))
    piece = read(response)
    assert [(meter.numerator, meter.denominator) for meter in piece.meters] == [(beats, denominator)]
    assert piece.beats <= source.beats + 0.1
    assert any(notice.subject == "meter" for notice in response.notices)


def test_silence_and_tempo_stay(model, networks):
    first, last = song(4), song(4)
    start = np.r_[first.start, last.start + 32]
    about = {"tracks": first.tracks, "meters": first.meters, "tempos": song().tempos}
    columns = [np.r_[getattr(first, name), getattr(last, name)] for name in ("duration", "pitch", "velocity", "track")]
    piece = read(ask(model, item(Piece.of(start, *columns, **about), networks, style="jazz")))
    assert not ((piece.start > 16.2) & (piece.start < 31.8)).any()
    assert (piece.start >= 32).any()


def test_a_pedal_that_goes_with_its_notes_is_named(model, networks):
    source = song()
    controller = music_pb2.CONTROL_KIND_CONTROLLER
    pedal = (Control(0.0, controller, 64, 127), Control(3.5, controller, 64, 0))
    tracks = tuple(track._replace(controls=pedal) for track in source.tracks)
    response = ask(model, item(replace(source, tracks=tracks), networks, style="jazz"))
    (said,) = [notice.text for notice in response.notices if "Pedal" in notice.text]
    kept = {track.name for track in read(response).tracks if track.controls}
    assert kept
    assert "Piano" in said
    assert not any(name in said for name in kept)


def test_one_voice_is_the_melody(model, networks):
    line = song().select(song().track == 0)
    response = ask(model, item(line, networks, style="jazz"))
    assert notes(read(response), "Tune") == notes(line, "Tune")
    assert read(response).beats > 0


def test_drums_alone_stay(model, networks):
    drums = song().select(song().is_drum)
    response = ask(model, item(drums, networks, style="jazz"))
    assert notes(read(response), "Drums") == notes(drums, "Drums")
    assert "drums alone" in response.notices[-1].text


def test_many_tracks_and_changing_metre(model, networks):
    source = song(16)
    tracks = tuple(TrackInfo(f"T{number}", number) for number in range(15))
    spread = np.where(source.track == 0, 0, 1 + np.arange(len(source)) % 14)
    source = source.select(~source.is_drum)
    source = Piece.of(
        source.start, source.duration, source.pitch, 80, spread[: len(source)], tracks=tracks,
        meters=(Meter(0.0, 4, 4), Meter(16.0, 3, 4), Meter(28.0, 6, 8)),
    )  # fmt: skip
    piece = read(ask(model, item(source, networks, style="classical")))
    assert [meter.beat for meter in piece.meters] == [0, 16, 28]


@pytest.mark.parametrize(
    ("target", "field"),
    [
        ({"example": music_pb2.Music(midi=b"MThd")}, "example"),
        ({"attributes": music_pb2.Attributes()}, "attributes"),
        ({"polish": transfer_pb2.Polish()}, "polish"),
        ({"style": "rock"}, "style"),
        ({"style": "polka"}, "style"),
    ],
)
def test_other_targets_are_refused_by_name(model, networks, target, field):
    with pytest.raises(InvalidField, match=field):
        ask(model, item(song(), networks, **target))


def test_one_bad_item_fails_alone(model, networks):
    answers = model.answer([item(song(), networks, style="rock"), item(song(), networks, style="jazz")])
    assert isinstance(answers[0], InvalidField)
    assert answers[1].music.midi
