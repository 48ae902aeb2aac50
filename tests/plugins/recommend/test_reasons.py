"""No sentence says what is not in the data."""

from __future__ import annotations

import re

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from segue.plugins.recommend.dataset import Dataset, History
from segue.plugins.recommend.reasons import find_causes, write_reason

NAME = r"Song \d+ by Artist \d+"
PLAYS = re.compile(
    rf"(?:Mostly b|B)ecause you (?:play|asked for more like) ({NAME}) \((?:about )?(<1|\d+) %\)"
    rf"(?: and ({NAME}) \((?:about )?(<1|\d+) %\))?(?:, (?:both )?tagged (.+) too)?\."
)


@given(
    rows=st.lists(st.integers(0, 59), min_size=1, max_size=12, unique=True),
    track=st.integers(0, 61),
    values=st.lists(st.floats(-1, 1, width=32), min_size=12, max_size=12),
    exact=st.booleans(),
    from_seeds=st.booleans(),
)
def test_sentences_hold_only_names_tags_and_shares_of_the_data(
    data: Dataset, rows: list[int], track: int, values: list[float], exact: bool, from_seeds: bool
) -> None:
    history = History(np.array(rows, dtype=np.int32), np.ones(len(rows), dtype=np.float32))
    causes = find_causes(data.catalogue, history, np.array(values[: len(rows)], dtype=np.float32), 12)
    text = write_reason(data, track, causes, exact=exact, from_seeds=from_seeds, language="en")
    if not any(cause.share > 0 for cause in causes):
        assert text in (
            f"Played by {data.audience[track]} of 200 listeners.",
            "New: none of 200 listeners has played it yet.",
        )
        return
    found = PLAYS.fullmatch(text)
    assert found, text
    assert text.startswith("Mostly") != exact
    assert ("asked" in text) == from_seeds
    share_of = {f"{cause.title} by {cause.artist}": cause.share for cause in causes}
    row_of = {f"{cause.title} by {cause.artist}": data.catalogue.index[cause.track_id] for cause in causes}
    named = [(found[1], found[2])] + ([(found[3], found[4])] if found[3] else [])
    for name, percent in named:
        assert percent == ("<1" if share_of[name] < 0.005 else f"{100 * share_of[name]:.0f}")
    for tag in (found[5] or "").split(" and ") if found[5] else []:
        for row in [track, *(row_of[name] for name, _ in named)]:
            assert tag in data.catalogue.tags_of(row, most=1000)


def test_chinese_says_the_same(data: Dataset) -> None:
    history = History(np.array([0, 3], dtype=np.int32), np.ones(2, dtype=np.float32))
    causes = find_causes(data.catalogue, history, np.array([3, 1], dtype=np.float32), 5)
    text = write_reason(data, 6, causes, exact=True, from_seeds=False, language="zh")
    names = [f"{data.catalogue.artists[row]}的《{data.catalogue.titles[row]}》" for row in (0, 3)]
    assert text.startswith(f"因为你听过{names[0]}")
    assert "75%" in text
