import io
import random
import zipfile

import pytest
from segue.music import Meter, TrackInfo, music_to_piece
from segue.music.musicxml import musicxml_to_piece
from segue.music.theory import QUALITY_NAMES
from segue.plugin_api import InvalidMusic
from segue.v1 import music_pb2 as pb

DOCTYPE = (
    '<!DOCTYPE score-partwise PUBLIC "-//Recordare//DTD MusicXML 3.1 Partwise//EN" '
    '"http://www.musicxml.org/dtds/partwise.dtd">'
)


def note(step, duration, *, octave=4, extra=""):
    pitch = f"<pitch><step>{step}</step><octave>{octave}</octave></pitch>"
    return f"<note>{pitch}<duration>{duration}</duration>{extra}</note>"


def document(*bars, head="", doctype=DOCTYPE):
    measures = "".join(f'<measure number="{i}">{bar}</measure>' for i, bar in enumerate(bars))
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>{doctype}<score-partwise><part-list><score-part id="P1">'
        f"<part-name>Violin</part-name>{head}</score-part></part-list>"
        f'<part id="P1">{measures}</part></score-partwise>'
    ).encode()


ATTRIBUTES = (
    "<attributes><divisions>2</divisions><key><fifths>-3</fifths><mode>minor</mode></key>"
    "<time><beats>3</beats><beat-type>4</beat-type></time></attributes>"
)
PROGRAM = '<midi-instrument id="I1"><midi-program>41</midi-program></midi-instrument>'


def test_notes_pickup_key_and_metre():
    data = document(
        ATTRIBUTES + note("G", 2), note("C", 4, octave=5) + note("D", 2, octave=5), note("E", 6, octave=5), head=PROGRAM
    )
    piece, notices = musicxml_to_piece(data)
    assert not notices
    assert piece.start.tolist() == [0, 1, 3, 4]
    assert piece.pitch.tolist() == [67, 72, 74, 76]
    assert piece.meters == (Meter(0, 3, 4), Meter(1, 3, 4))
    assert piece.bar_of(piece.start).tolist() == [1, 2, 2, 3]
    assert (piece.keys[0].tonic, piece.keys[0].minor) == (0, True)
    assert piece.tracks[0] == TrackInfo("Violin", 40)


def test_chords_voices_ties_grace_notes_and_lyrics():
    chord = "<note><chord/><pitch><step>E</step><octave>4</octave></pitch><duration>2</duration></note>"
    grace = "<note><grace/><pitch><step>B</step><octave>4</octave></pitch></note>"
    backup = "<backup><duration>4</duration></backup>"
    text = "<lyric><syllabic>begin</syllabic><text>glo</text></lyric>"
    first = ATTRIBUTES + note("C", 2) + chord + grace + note("G", 2, extra=text) + backup + note("C", 6, octave=3)
    second = note("A", 6, extra='<tie type="start"/>')
    third = note("A", 2, extra='<tie type="stop"/>')
    piece, _ = musicxml_to_piece(document(first, second, third))
    rows = sorted(zip(piece.start.tolist(), piece.duration.tolist(), piece.pitch.tolist(), strict=True))
    assert rows == [(0, 1, 60), (0, 1, 64), (0, 3, 48), (1, 1, 67), (3, 4, 69)]
    assert piece.lyrics == ((1.0, "glo-"),)


def test_tempo_dynamics_and_repeats():
    direction = '<direction><direction-type><dynamics><pp/></dynamics></direction-type><sound tempo="72"/></direction>'
    repeat = '<barline location="right"><repeat direction="backward"/></barline>'
    piece, notices = musicxml_to_piece(document(ATTRIBUTES + direction + note("C", 6) + repeat))
    assert piece.tempos[0].quarters_per_minute == 72
    assert piece.velocity.tolist() == [32]
    assert "Repeats" in notices[0]


def test_compressed():
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("META-INF/container.xml", "<broken")
        archive.writestr("score.xml", document(ATTRIBUTES + note("C", 6)))
    piece, _ = music_to_piece(pb.Music(musicxml=packed.getvalue()))
    assert piece.pitch.tolist() == [60]


def bomb():
    entities = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 10))
    return document("", doctype=f'<!DOCTYPE score-partwise [<!ENTITY l0 "lol">{entities}]>')


def zip_bomb():
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("score.xml", bytes(80 << 20))
    return packed.getvalue()


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "well-formed"),
        (b"<score-partwise>", "well-formed"),
        (b"<html/>", "<html>"),
        (b"PK\x03\x04 but no zip", ".mxl"),
        (b"<score-partwise/>", "no part"),
        (b"<a>" * 100 + b"</a>" * 100, "levels"),
        (document('<note><pitch><step>H</step></pitch><duration>1</duration></note>'), "step 'H'"),
        (document(note("C", 1, octave=99)), "bar 1"),
        (document(ATTRIBUTES + "<forward><duration>1e300</duration></forward>" * 2), "beats"),
        (bomb(), "entities"),
        (zip_bomb(), "unpacks"),
        (document("", doctype='<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>'), "entities"),
    ],
)  # fmt: skip
def test_what_can_not_be_read_is_refused_by_name(data, text):
    with pytest.raises(InvalidMusic, match=text) as caught:
        musicxml_to_piece(data, "music.musicxml")
    assert caught.value.violations[0][0] == "music.musicxml"


def test_mutated_documents_are_read_or_refused():
    rng = random.Random(0)
    good = document(ATTRIBUTES + note("C", 2) + note("D", 4), note("E", 6), head=PROGRAM)
    for _ in range(400):
        data = bytearray(good)
        for _ in range(rng.randrange(1, 6)):
            at = rng.randrange(len(data))
            if rng.random() < 0.3:
                del data[at : at + rng.randrange(40)]
            else:
                data[at] = rng.choice(b'<>/"0123456789-&;x\xff')
        try:
            piece, _ = musicxml_to_piece(bytes(data))
        except InvalidMusic:
            continue
        assert (piece.duration > 0).all()


def test_a_note_too_short_to_hear_still_ends_after_it_begins():
    piece, _ = musicxml_to_piece(document(ATTRIBUTES + note("G", 6) + note("A", "1e-300")), "music.musicxml")
    assert (piece.end > piece.start).all()


def parts(*documents, heads=None):
    """Lay one-part documents, as lists of bars, beside each other."""
    heads = heads or [""] * len(documents)
    listed = "".join(
        f'<score-part id="P{i}"><part-name>{i}</part-name>{head}</score-part>' for i, head in enumerate(heads)
    )
    written = "".join(
        f'<part id="P{i}">{"".join(f"<measure>{bar}</measure>" for bar in bars)}</part>'
        for i, bars in enumerate(documents)
    )
    return f"<score-partwise><part-list>{listed}</part-list>{written}</score-partwise>".encode()


@pytest.mark.parametrize(
    "bar", ["", "<note><rest measure='yes'/></note>", note("D", 2)], ids=["empty", "rest", "short"]
)
def test_a_bar_that_one_part_does_not_fill_shifts_nothing(bar):
    upper = [ATTRIBUTES + note("C", 6, octave=5), bar, note("E", 6, octave=5)]
    lower = [ATTRIBUTES + note("C", 6), note("G", 6), note("E", 6)]
    for one, other in ((upper, lower), (lower, upper)):
        piece, _ = musicxml_to_piece(parts(one, other))
        assert piece.start[piece.pitch % 12 == 4].tolist() == [6, 6]
        assert piece.meters == (Meter(0, 3, 4),)


def test_a_bar_that_is_empty_in_all_parts_lasts_as_long_as_its_metre():
    piece, _ = musicxml_to_piece(parts([ATTRIBUTES + note("C", 6), "", note("E", 6)]))
    assert piece.start.tolist() == [0, 6]


def test_a_key_is_that_which_sounds():
    transposed = ATTRIBUTES.replace("</attributes>", "<transpose><chromatic>-2</chromatic></transpose></attributes>")
    transposed = transposed.replace("-3", "2").replace("minor", "major")
    piece, _ = musicxml_to_piece(parts([transposed + note("D", 6)]))
    assert (piece.keys[0].tonic, piece.pitch[0]) == (0, 60)


def test_each_drum_is_the_one_that_its_instrument_names():
    head = "".join(
        f'<midi-instrument id="I{number}"><midi-channel>10</midi-channel><midi-unpitched>{number}</midi-unpitched>'
        "</midi-instrument>"
        for number in (37, 43)
    )
    hit = "<note><unpitched/><duration>2</duration>{}</note>"
    bar = "".join(hit.format(each) for each in ('<instrument id="I37"/>', '<instrument id="I43"/>', ""))
    piece, _ = musicxml_to_piece(parts([ATTRIBUTES + bar], heads=[head]))
    assert piece.pitch.tolist() == [36, 42, 38]
    assert piece.tracks[0].drums


def test_what_other_parts_and_free_texts_say_of_tempo_and_ties_and_what_has_no_length():
    mark = "<direction><metronome><beat-unit>quarter</beat-unit><per-minute>c. 63</per-minute></metronome></direction>"
    tied = '<notations><tied type="{}"/></notations>'
    below = [ATTRIBUTES + mark + note("C", 6, extra=tied.format("start")), note("C", 6, extra=tied.format("stop"))]
    piece, notices = musicxml_to_piece(parts([ATTRIBUTES + note("E", 6), note("F", "NaN")], below))
    assert piece.tempos[0].quarters_per_minute == 63
    assert piece.duration[piece.pitch == 60].tolist() == [6]
    assert notices == ["Notes without a possible duration: 1; they are left out."]


def harmony(step, kind, *, alter=0, bass=""):
    low = f"<bass><bass-step>{bass}</bass-step></bass>" if bass else ""
    root = f"<root><root-step>{step}</root-step><root-alter>{alter}</root-alter></root>"
    return f"<harmony>{root}<kind>{kind}</kind>{low}</harmony>"


def test_chord_symbols_are_read_where_they_stand():
    transpose = "<attributes><divisions>2</divisions><transpose><chromatic>-2</chromatic></transpose></attributes>"
    first = harmony("D", "minor-seventh") + note("D", 4) + harmony("A", "dominant", alter=-1, bass="C") + note("E", 4)
    second = "<harmony><kind>none</kind></harmony>" + note("F", 4) + harmony("G", "Tristan") + note("G", 4)
    third = harmony("C", "suspended-fourth") + note("C", 8)
    found = musicxml_to_piece(document(transpose + first, second, third))[0].symbols
    names = [QUALITY_NAMES[chord.quality] if chord.root >= 0 else "none" for chord in found]
    assert [(chord.beat, chord.root, name, chord.bass) for chord, name in zip(found, names, strict=True)] == [
        (0, 0, "min7", 0), (2, 6, "7", 10), (4, -1, "none", -1), (8, 10, "sus4", 10)
    ]  # fmt: skip
    silent = "<harmony><kind>none</kind></harmony>" + note("C", 4)
    assert musicxml_to_piece(document(silent))[0].symbols == musicxml_to_piece(document(note("C", 4)))[0].symbols == ()


def test_grace_notes_that_are_left_out_are_counted():
    grace = "<note><grace/><pitch><step>B</step><octave>4</octave></pitch></note>"
    _, notices = musicxml_to_piece(document(ATTRIBUTES + grace + grace + note("C", 6)))
    assert notices == ["Grace notes: 2; they are left out."]
