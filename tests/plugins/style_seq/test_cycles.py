from dataclasses import replace

import numpy as np
from segue.plugins.style_seq.content import Content
from segue.plugins.style_seq.cycles import find_cycles
from segue.plugins.style_seq.data import Song, Voice

PATTERNS = ((2, 8, 14), (2, 11, 20), (2, 8, 14), (5, 8, 17))
"""Places that a clave strikes in the four bars of its cycle."""


def song(chart, first, bars, style="salsa", stray=0.0, seed=0):
    """A chart cut out of a long song: its first bar is bar ``first`` of that; some of its strokes stray."""
    rng = np.random.default_rng(seed)
    rows = [
        [bar, place + int(rng.random() < stray), 40, 3, 5, 4]
        for bar in range(bars)
        for place in PATTERNS[(first + bar) % 4]
    ]
    none = np.zeros((bars, 8), np.int64)
    content = Content(none, none, none, none, np.zeros((bars, 8, 12), bool), np.zeros(bars, np.int64))
    return Song(chart, chart, style, "train", content, (Voice("Clave", 75, False, np.array(rows)),))


def test_charts_cut_out_of_a_long_song_are_found_in_their_places():
    cuts = np.cumsum([0, 16, 12, 15, 9, 16, 13, 16, 10, 16])
    firsts = cuts[:-1] + np.array([0, 0, 0, 2, 2, 2, 3, 3, 3])  # songs that are missing between them
    songs = [
        song(f"c{number}", first, bars, style, stray=0.05, seed=number)
        for style in ("salsa", "techno")
        for number, (first, bars) in enumerate(zip(firsts.tolist(), np.diff(cuts).tolist(), strict=True))
    ]
    found = find_cycles(songs)
    assert [found[f"c{number}"] for number in range(9)] == (firsts % 4).tolist()


def test_what_has_no_cycle_stays_where_it_is():
    songs = [
        replace(song(f"c{n}", 0, 8), voices=(Voice("Pad", 89, False, np.array([[0, 2, 40, 3, 5, 4]])),)) for n in (0, 1)
    ]
    assert find_cycles(songs) == {"c0": 0, "c1": 0}


def test_no_charts():
    assert find_cycles([]) == {}
