from itertools import pairwise

import numpy as np
import pytest
from segue.music import Meter, Piece, Syllable, Tempo, TrackInfo, midi_to_piece, piece_to_midi
from segue.plugin_api.errors import InvalidField, InvalidMusic, Unsupported
from segue.plugins.style.styles import STYLES
from segue.plugins.style_seq import source_cycle
from segue.plugins.style_seq.arrange import frames_of, read_content, silent_frames
from segue.plugins.style_seq.ensemble import by_name
from segue.plugins.style_seq.hearing import Listener
from segue.plugins.style_seq.rewrite import Manner, put_in_place, replaced_cells
from segue.plugins.style_seq.source_cycle import hear_cycle
from segue.v1 import music_pb2, transfer_pb2

from .conftest import ask, band, item, read


def tune_of(piece, track=0):
    own = piece.select(piece.track == track)
    return sorted(
        zip(np.round(own.start, 3).tolist(), np.round(own.duration, 3).tolist(), own.pitch.tolist(), strict=True)
    )


def notes_of(piece):
    columns = (piece.start, piece.duration, piece.pitch, piece.velocity, piece.track)
    return list(zip(*(column.tolist() for column in columns), strict=True))


@pytest.mark.parametrize("style", STYLES)
def test_every_style_keeps_the_melody_and_changes_the_rest(model, networks, style):
    piece = band()
    (answer,) = ask(model, item(networks, piece, style=style))
    made = read(answer)
    assert set(tune_of(piece)) <= set(tune_of(made, next(i for i, t in enumerate(made.tracks) if t.name == "Tune")))
    figures = {figure.name: figure.after for figure in answer.figures}
    assert figures["melody kept"] == 1
    assert figures["chroma similarity"] > 0.7
    assert figures["chords replaced"] == 1
    names = {track.name for track in made.tracks}
    assert "Tune" in names
    assert not names & {"Piano", "Kit"}


def test_a_group_means_its_first_style_and_the_drums_of_rock_are_not_those_of_a_hymn(model, networks):
    jazz, swing, rock, hymn = ask(
        model, *(item(networks, band(), style=s) for s in ("jazz", "jazz-swing", "rock", "hymn"))
    )
    assert jazz.music == swing.music
    assert read(rock).is_drum.sum() > 40
    assert not read(hymn).is_drum.any()


def test_ambient_is_made_up_of_held_chords_and_says_so(model, networks):
    (answer,) = ask(model, item(networks, band(), style="ambient"))
    made = read(answer)
    assert not made.is_drum.any()
    pads = made.select(np.array([80 <= track.program < 104 for track in made.tracks])[made.track])
    assert len(pads)
    assert np.median(pads.duration) >= 1
    assert any("No music in the style ambient was learnt from" in notice.text for notice in answer.notices)


def test_side_by_side_and_alone_are_the_same(model, networks):
    asked = [
        item(networks, band(bars), seed=seed, style=style)
        for bars, seed, style in ((8, 1, "rock"), (12, 2, "folk"), (4, 3, "house"))
    ]
    together = ask(model, *asked)
    assert [ask(model, one)[0] for one in asked] == together
    (again,) = ask(model, item(networks, band(8), seed=9, temperature=1.5, style="rock"))
    assert again.music != together[0].music


def test_strength_0_gives_the_piece_back_and_more_replaces_more(model, networks):
    piece = band(16)
    midi = piece_to_midi(piece)
    (none,) = ask(model, item(networks, midi, style="rock", strength=0))
    assert none.music.midi == midi
    answers = ask(model, *(item(networks, midi, style="rock", strength=s) for s in (0.05, 0.15, 0.6, 1.0)))
    shares = [[f.after for f in answer.figures if f.name.endswith("replaced")] for answer in answers]
    assert (np.diff(np.array(shares), axis=0) >= 0).all()
    assert shares[0][1:] == [0, 0]
    assert shares[-1] == [1, 1, 1]
    (score,) = ask(model, item(networks, piece, style="rock", strength=0))
    assert notes_of(read(score)) == notes_of(read(none))


@pytest.mark.parametrize("kinds", [{0, 1, 2}, {2}, {0}, {0, 2}, set()])
def test_cells_of_a_strength_are_among_those_of_a_greater(kinds):
    taken = [replaced_cells(10, strength, kinds) for strength in np.linspace(0, 1, 21)]
    for one, other in pairwise(taken):
        assert not (one & ~other).any()
    assert not taken[0].any()
    assert taken[-1][sorted(kinds)].all()
    assert not taken[-1][3].any()


def test_what_is_said_about_the_piece_survives(model, networks):
    about = {"tempos": (Tempo(0, 90), Tempo(8, 120)), "lyrics": (Syllable(0.0, "la"), Syllable(1.0, "li"))}
    (answer,) = ask(model, item(networks, band(**about), style="salsa"))
    made = read(answer)
    np.testing.assert_allclose(np.array(made.tempos), np.array(about["tempos"]), rtol=1e-5)
    assert made.lyrics == about["lyrics"]
    assert made.meters == (Meter(0.0, 4, 4),)
    assert "lyrics" in answer.kept


@pytest.mark.parametrize("meter", [(3, 4), (6, 8), (5, 4), (7, 8)])
def test_other_metres(model, networks, meter):
    piece = band(8, meter)
    (answer,) = ask(model, item(networks, piece, style="jazz_swing"))
    made = read(answer)
    assert [m[1:] for m in made.meters] == [meter]
    assert made.start.max() < 8 * Meter(0, *meter).bar_beats
    assert len(made.select(made.is_drum)) > 8
    assert any("learnt in 4/4" in notice.text for notice in answer.notices)


def test_a_melody_alone_is_accompanied(model, networks):
    (answer,) = ask(model, item(networks, band(chords=False, drums=False), style="bossanova"))
    assert len(read(answer)) > 100
    assert any("melody alone" in notice.text for notice in answer.notices)


def test_drums_alone_are_rewritten_or_kept(model, networks):
    piece = band(chords=False, tune=False)
    rock, hymn = ask(model, item(networks, piece, style="rock"), item(networks, piece, style="hymn"))
    assert read(rock).is_drum.all()
    assert len(read(rock)) > 40
    assert notes_of(read(rock)) != notes_of(read(hymn))
    assert len(read(hymn)) == len(piece)
    assert [n.text for n in hymn.notices] == ["The piece has drums alone; they are kept: the style has no drums."]


def test_many_tracks(model, networks):
    piece = band(8)
    parts = [piece.select(piece.track == 1).with_notes(track=np.full(24, number)) for number in range(4, 15)]
    columns = {
        name: np.concatenate([getattr(part, name) for part in (piece, *parts)])
        for name in ("start", "duration", "pitch", "velocity", "track")
    }
    tracks = (*piece.tracks, *(TrackInfo(f"Part {number}", number) for number in range(4, 15)))
    (answer,) = ask(model, item(networks, Piece.of(**columns, tracks=tracks, meters=piece.meters), style="trance"))
    assert not {track.name for track in read(answer).tracks} & {track.name for track in tracks[3:]}


def drums_by_place(piece):
    """Which drum strikes at which sixteenth of the bar how often, of length 1."""
    kit, found = piece.select(piece.is_drum), np.zeros((128, 16))
    np.add.at(found, (kit.pitch, np.rint(kit.start * 4).astype(int) % 16), 1)
    return found.ravel() / np.linalg.norm(found)


def test_an_example_lends_its_instruments_and_rhythm(model, networks):
    rock, folk = ask(model, *(item(networks, band(8), style=style) for style in ("rock", "folk")))
    (answer,) = ask(model, item(networks, read(folk), example=rock.music))
    made, example = read(answer), read(rock)
    assert {track.name for track in made.tracks} >= {"Drum", "Chord-Dist", "Chord-Clean"}
    alike = drums_by_place(example)
    assert alike @ drums_by_place(made) > 0.9 > 0.5 > alike @ drums_by_place(read(folk))
    assert {n.subject for n in answer.notices} >= {"example"}


def test_what_is_not_to_be_done_is_refused_by_name(model, networks):
    with pytest.raises(InvalidField, match="polka"):
        ask(model, item(networks, band(), style="polka"))
    with pytest.raises(Unsupported, match="attributes"):
        ask(model, item(networks, band(), attributes=music_pb2.Attributes(register=0.5)))
    tune = music_pb2.Music(midi=piece_to_midi(band(chords=False, drums=False)))
    with pytest.raises(InvalidMusic, match="melody alone"):
        ask(model, item(networks, band(), example=tune))
    with pytest.raises(InvalidMusic, match="example"):
        ask(model, item(networks, band(), example=music_pb2.Music(midi=b"no")))


def test_the_probe_is_answered(model, networks):
    from segue.music import score_to_piece
    from segue.plugins.style_seq.plugin import StyleSeq

    algorithm = StyleSeq()
    request = algorithm.probe()
    (answer,) = ask(model, item(networks, score_to_piece(request.music.score), style=request.style))
    algorithm.check_probe(answer)
    with pytest.raises(ValueError, match="no MIDI"):
        algorithm.check_probe(transfer_pb2.TransferResponse())


@pytest.mark.parametrize("cycle", [0, 2, 3])
def test_where_a_pattern_begins_is_heard(model, networks, cycle):
    listener = Listener(networks)
    made, composer = model._made, model._composer
    plain = listener.arrangement(band(16))
    frames = frames_of(plain.piece, plain.bars)
    content, silent = read_content(plain, frames), silent_frames(plain, frames)
    ensemble, manner = by_name(made, "jazz_combo"), Manner(1.0, 0.6, 2, 1)
    *_, rows = composer.compose(manner.plan(content, silent, ensemble.players, cycle))
    piece = put_in_place(plain, ensemble, manner, frames, content, rows)[0]
    heard = listener.arrangement(piece)
    layout = frames_of(heard.piece, heard.bars)
    assert hear_cycle(heard, layout, read_content(heard, layout), made.network) == cycle
    assert hear_cycle(plain, frames, content, made.network) == 0  # chords that change with the bar have no cycle


def test_a_bar_of_more_notes_than_anybody_plays_is_not_listened_to(model, networks, monkeypatch):
    monkeypatch.setattr(source_cycle, "collate", lambda stretches: pytest.fail("read what is far too long"))
    start, pitch = (grid.ravel() for grid in np.meshgrid(np.arange(0, 32, 0.25), np.arange(24, 100)))
    crowd = Piece.of(start, 0.25, pitch, 80, tracks=(TrackInfo("Crowd"),), meters=(Meter(0.0, 4, 4),))
    heard = Listener(networks).arrangement(crowd)
    frames = frames_of(heard.piece, heard.bars)
    assert hear_cycle(heard, frames, read_content(heard, frames), model._made.network) == 0


def test_an_example_of_drums_alone_changes_the_drums_alone(model, networks):
    piece = band(8)
    beat = music_pb2.Music(midi=piece_to_midi(band(8, tune=False, chords=False)))
    (answer,) = ask(model, item(networks, piece, example=beat))
    made = read(answer)
    assert notes_of(made.without_drums()) == notes_of(read_piece(piece).without_drums())
    assert made.is_drum.any()
    figures = {figure.name: figure.after for figure in answer.figures}
    assert (figures["drums replaced"], figures["chords replaced"]) == (1, 0)


def read_piece(piece):
    return midi_to_piece(piece_to_midi(piece))[0]
