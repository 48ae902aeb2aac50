from itertools import pairwise

import numpy as np
from segue.music import Piece
from segue.music.reading import Reading
from segue.plugins.score.structure import boundaries, describe_structure

TUNE_A = [60, 62, 64, 65, 67, 65, 64, 62] * 4
TUNE_B = [72, 71, 69, 67, 69, 71, 72, 76] * 4


def song(form, up=0):
    """Eight bars of eighths for each letter."""
    pitch = [p + up for letter in form for p in (TUNE_A if letter == "A" else TUNE_B) * 2]
    return Piece.of(np.arange(len(pitch)) / 2, 0.5, pitch)


def test_repeated_sections_have_the_same_letter():
    found = describe_structure(Reading(song("AABA")))
    letters = {}
    for section in found.sections:
        for bar in np.arange(section.span.start, section.span.end, 4):
            letters[bar // 4] = section.label
    assert len(letters) == 32
    assert letters[0] == letters[8] == letters[31] != letters[20]


def test_sections_have_no_gaps():
    sections = describe_structure(Reading(song("ABAB"))).sections
    assert sections[0].span.start == 0
    assert all(a.span.end == b.span.start for a, b in pairwise(sections))


def test_a_motif_is_found_transposed():
    motif = [60, 64, 62, 67, 65, 72, 71]
    rng = np.random.default_rng(0)
    filler = [list(rng.integers(50, 80, 9)) for _ in range(3)]
    pitch = motif + filler[0] + [p + 5 for p in motif] + filler[1] + [p - 2 for p in motif] + filler[2]
    motifs = describe_structure(Reading(Piece.of(np.arange(len(pitch)), 1, pitch))).motifs
    assert [note.pitch for note in motifs[0].notes][: len(motif)] == motif
    assert [span.start for span in motifs[0].occurrences] == [0, 16, 32]


def test_short_and_long_pieces():
    assert boundaries(np.eye(3)) == [0, 3]
    long = Piece.of(np.arange(0, 8000, 2.0), 1, np.arange(4000) % 24 + 60)
    assert describe_structure(Reading(long)).sections[-1].span.end >= 7998
