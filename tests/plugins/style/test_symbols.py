import numpy as np
from segue.music import music_to_piece
from segue.music.theory import QUALITY_NAMES
from segue.plugins.style.arrangement import read_arrangement
from segue.plugins.style.symbols import with_symbols
from segue.v1 import analyze_pb2, music_pb2

HEAD = "<part-list><score-part id='P1'><part-name>Voice</part-name></score-part></part-list>"
NOTE = "<note><pitch><step>{}</step><octave>5</octave></pitch><duration>4</duration></note>"
SYMBOL = "<harmony><root><root-step>{}</root-step></root><kind>{}</kind></harmony>"


def sheet(*bars):
    measures = "".join(f"<measure number='{number}'>{bar}</measure>" for number, bar in enumerate(bars))
    text = f"<?xml version='1.0'?><score-partwise>{HEAD}<part id='P1'>{measures}</part></score-partwise>"
    return music_pb2.Music(musicxml=text.encode())


def test_the_chords_of_a_lead_sheet_are_those_written_above_it():
    music = sheet(
        NOTE.format("C"),
        SYMBOL.format("F", "major") + NOTE.format("A"),
        SYMBOL.format("G", "dominant") + NOTE.format("B"),
    )
    piece, _ = music_to_piece(music)
    heard = read_arrangement(piece, analyze_pb2.AnalyzeResponse())
    arrangement, count = with_symbols(heard, music)
    assert count == 2
    found = arrangement.chord_at(np.array([0.0, 4.0, 7.9, 8.0]))
    major, seventh = QUALITY_NAMES.index("maj"), QUALITY_NAMES.index("7")
    assert found.tolist() == [[-1, -1, -1], [5, major, 5], [5, major, 5], [7, seventh, 7]]


def test_without_symbols_chords_are_heard():
    music = sheet(NOTE.format("C"))
    heard = read_arrangement(music_to_piece(music)[0], analyze_pb2.AnalyzeResponse())
    assert with_symbols(heard, music) == (heard, 0)
    assert with_symbols(heard, music_pb2.Music(midi=b"MThd")) == (heard, 0)
