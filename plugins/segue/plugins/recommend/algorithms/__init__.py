"""The methods, one file each. ``find_scorer`` imports the one that is asked for, and no other."""

from __future__ import annotations

import importlib
from types import MappingProxyType
from typing import Final

from segue.plugins.recommend.algorithms.base import Scorer

SCORERS: Final = MappingProxyType(
    {
        "popularity": "popularity:Popularity",
        "item-knn": "knn:ItemKnn",
        "user-knn": "knn:UserKnn",
        "svd": "svd:Svd",
        "ials": "ials:Ials",
        "ease": "ease:Ease",
        "sasrec": "sasrec:SasRec",
        "gru4rec": "gru4rec:Gru4Rec",
        "caser": "caser:Caser",
        "markov": "markov:Markov",
        "content": "content:Content",
        "hybrid": "hybrid:Hybrid",
    }
)
"""Name of the algorithm → ``"module:Class"`` in this folder."""


def find_scorer(name: str) -> type[Scorer]:
    """Return the class of a method by the name of its algorithm."""
    module, _, attribute = SCORERS[name].partition(":")
    found: type[Scorer] = getattr(importlib.import_module(f"{__name__}.{module}"), attribute)
    return found
