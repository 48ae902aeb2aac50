"""Why a track is recommended: the plays that caused its score, and one sentence that says only what is true.

A sentence is made of names, tags, shares and counts that stand in the model's data, and of nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray
from segue.plugins.recommend.dataset import Catalogue, Dataset, History
from segue.v1 import recommend_pb2

NAMED: Final = 2
"""Causes, and tags, that a sentence names at most."""

SENTENCES: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {
        "en": {
            "plays": "Because you play {causes}{alike}.",
            "seeds": "Because you asked for more like {causes}{alike}.",
            "mostly plays": "Mostly because you play {causes}{alike}.",
            "mostly seeds": "Mostly because you asked for more like {causes}{alike}.",
            "cause": "{name} ({share} %)",
            "mostly cause": "{name} (about {share} %)",
            "and": " and ",
            "alike 1": ", tagged {tags} too",
            "alike 2": ", both tagged {tags} too",
            "heard": "Played by {count:,} of {all:,} listeners.",
            "unheard": "New: none of {all:,} listeners has played it yet.",
            "by": "{title} by {artist}",
        },
        "zh": {
            "plays": "因为你听过{causes}{alike}。",
            "seeds": "因为你想找与{causes}相似的音乐{alike}。",
            "mostly plays": "主要因为你听过{causes}{alike}。",
            "mostly seeds": "主要因为你想找与{causes}相似的音乐{alike}。",
            "cause": "{name}（{share}%）",  # noqa: RUF001
            "mostly cause": "{name}（约 {share}%）",  # noqa: RUF001
            "and": "和",
            "alike 1": "，它同样带有标签{tags}",  # noqa: RUF001
            "alike 2": "，它们同样带有标签{tags}",  # noqa: RUF001
            "heard": "{all:,} 位听众中有 {count:,} 位听过。",
            "unheard": "新曲目：{all:,} 位听众中还没有人听过。",  # noqa: RUF001
            "by": "{artist}的《{title}》",
        },
    }
)
"""Language → part → template. "mostly": the shares are an approximation."""


def find_causes(
    catalogue: Catalogue, history: History, contributions: NDArray[np.float32], most: int
) -> list[recommend_pb2.Cause]:
    """Return the plays that caused a score, largest share first, those that speak against it last.

    Parameters
    ----------
    contributions : ndarray, shape (history,)
        Each play's part of the score. Its share is its part of the sum of the positive ones.
    most
        How many to return.
    """
    total = float(np.maximum(contributions, 0).sum())
    order = np.argsort(-contributions, kind="stable")[:most]
    return [
        recommend_pb2.Cause(
            track_id=catalogue.ids[row],
            title=catalogue.titles[row],
            artist=catalogue.artists[row],
            share=max(part, 0.0) / total if total > 0 else 0.0,
            contribution=part,
        )
        for row, part in zip(history.tracks[order].tolist(), contributions[order].tolist(), strict=True)
        if part != 0
    ]


def write_reason(
    data: Dataset, row: int, causes: Sequence[recommend_pb2.Cause], *, exact: bool, from_seeds: bool, language: str
) -> str:
    """Say in one sentence why a track is recommended."""
    say = SENTENCES[language or "en"]
    catalogue = data.catalogue
    named = [cause for cause in causes if cause.share > 0][:NAMED]
    if len(named) == NAMED and named[1].share < named[0].share / 4:
        named = named[:1]
    if not named:
        count = int(data.audience[row])
        return say["heard" if count else "unheard"].format(count=count, all=data.plays.shape[0])
    own = catalogue.tags_of(row)
    shared = set(own).intersection(*(catalogue.tags_of(catalogue.index[c.track_id], most=20) for c in named))
    tags = say["and"].join([tag for tag in own if tag in shared][:NAMED])
    mostly = "" if exact else "mostly "
    return say[mostly + ("seeds" if from_seeds else "plays")].format(
        causes=say["and"].join(
            say[mostly + "cause"].format(name=_name(cause, say["by"]), share=_percent(cause.share)) for cause in named
        ),
        alike=say[f"alike {len(named)}"].format(tags=tags) if tags else "",
    )


def _name(cause: recommend_pb2.Cause, by: str) -> str:
    if cause.artist in ("", cause.title):
        return cause.title
    return by.format(title=cause.title, artist=cause.artist)


def _percent(share: float) -> str:
    return "<1" if share < 0.005 else f"{100 * share:.0f}"
