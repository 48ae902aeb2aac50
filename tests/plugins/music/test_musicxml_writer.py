import numpy as np
import pytest
from segue.music import KeySignature, Meter, Piece, Syllable, Tempo, TrackInfo
from segue.music.musicxml import musicxml_to_piece
from segue.music.musicxml_writer import piece_to_musicxml

WORDS = ("A-", "maz-", "ing", "grace", "how", "sweet")


def song(**about) -> Piece:
    start = np.array([2, 3, 5, 5.5, 6, 8.0])
    fields = {
        "tracks": (TrackInfo("Voice", 52),),
        "tempos": (Tempo(0.0, 84.0),),
        "meters": (Meter(0.0, 3, 4),),
        "keys": (KeySignature(0.0, 5, False),),
        "lyrics": tuple(Syllable(beat, word) for beat, word in zip(start.tolist(), WORDS, strict=True)),
    }
    return Piece.of(start, [1, 2, 0.5, 0.5, 2, 3], [60, 65, 69, 65, 70, 67], 80, **fields | about)


def test_a_song_comes_back_as_it_was_written():
    read, notices = musicxml_to_piece(piece_to_musicxml(song(), "Grace"))
    assert notices == []
    for column in ("start", "duration", "pitch"):
        assert getattr(read, column).tolist() == getattr(song(), column).tolist()
    assert read.lyrics == song().lyrics
    assert read.meters == song().meters
    assert [(key.tonic, key.minor) for key in read.keys] == [(5, False)]
    assert read.tempos == song().tempos
    assert read.tracks[0].name == "Voice"


@pytest.mark.parametrize("length", [1 / 3, 2 / 3, 0.375, 0.125, 1.25, 5.0, 2.75])
def test_any_length_comes_back(length):
    piece = Piece.of([0, length, 2 * length], length, [60, 62, 64])
    read, _ = musicxml_to_piece(piece_to_musicxml(piece))
    assert read.start == pytest.approx(np.arange(3) * length)
    assert read.duration == pytest.approx([length] * 3)


def test_each_track_is_a_part_and_chords_are_written_as_their_top():
    piece = Piece.of(
        [0, 0, 0, 2], [4, 4, 1, 1], [60, 64, 48, 50], 64, [0, 0, 1, 1], tracks=(TrackInfo("A"), TrackInfo("B"))
    )
    read, _ = musicxml_to_piece(piece_to_musicxml(piece))
    assert sorted(zip(read.track.tolist(), read.pitch.tolist(), strict=True)) == [(0, 64), (1, 48), (1, 50)]


def test_text_is_escaped():
    piece = Piece.of([0], 1, [60], lyrics=(Syllable(0.0, "<&>"),))
    read, _ = musicxml_to_piece(piece_to_musicxml(piece, "a < b & c"))
    assert read.lyrics[0].text == "<&>"
