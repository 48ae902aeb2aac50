"""How the harmony of pieces that ask for no chords moves, beside that of real ones: heard by the chord network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from segue.music import Piece
from segue.music.theory import NO_CHORD
from segue.plugin_api.training import Report
from segue.plugins.score.networks import Networks, shipped_networks
from segue.plugins.transformer.data import Song
from segue.plugins.transformer.model import TransformerModel
from segue.plugins.transformer.obedience import compose, song_piece
from segue.v1 import generate_pb2

_STYLES: Final = ("salsa", "pop_ballad", "jazz_swing", "rock", "hymn", "jazz_combo", "lead_sheet", "pop_piano")
_EACH: Final = 40
_BARS: Final = 16
_OF_BAR: Final = 4
"""Places in a bar at which the chord is asked for."""


def measure_harmony(model: TransformerModel, songs: Sequence[Song]) -> Report:
    """Measure how often the root changes and how evenly roots share the time, style by style.

    Parameters
    ----------
    model
        What composes.
    songs
        Of the test part.
    """
    networks, rows = shipped_networks(), {}
    for style in _STYLES:
        requests = [generate_pb2.GenerateRequest(style=style, bars=_BARS)] * _EACH
        own = [s for s in songs if s.style == style and s.bars >= _BARS]
        plain = [s for s in own if not s.lead] or own  # a chart comes with a tune and without
        real = [song_piece(plain[index]) for index in np.unique(np.linspace(0, len(plain) - 1, _EACH).astype(int))]
        rows[f"composed, {style}"] = _figures(networks, [one.piece for one in compose(model, requests)])
        rows[f"real, {style}"] = _figures(networks, real)
    protocol = (
        f"{_EACH} pieces of {_BARS} bars a style that ask for nothing else, and held-out ones cut to {_BARS} bars, as "
        f"the chord network of 'score' hears them {_OF_BAR} times a bar: changes of root a bar; share of the bars "
        "whose usual root is another than that of the bar before; the longest stretch of bars with one root; bits of "
        "the roots of a piece; share of the time on the tonic."
    )
    return Report(protocol, rows)


def _figures(networks: Networks, pieces: Sequence[Piece]) -> dict[str, float]:
    found = [movement(networks, piece) for piece in pieces]
    return {"pieces": float(len(found)), **{name: float(np.mean([f[name] for f in found])) for name in found[0]}}


def movement(networks: Networks, piece: Piece) -> dict[str, float]:
    """Return how the harmony of a piece moves."""
    reading, beats = networks.read(piece), piece.meters[0].bar_beats
    bars = min(_BARS, int(np.ceil(piece.beats / beats)))
    chord = reading.chord_at((np.arange(bars * _OF_BAR) + 0.5) * beats / _OF_BAR)
    root = np.where(chord == NO_CHORD, 12, chord % 12)
    usual = np.array([np.bincount(bar).argmax() for bar in root.reshape(bars, _OF_BAR)])
    edges = np.r_[0, np.flatnonzero(np.diff(usual)) + 1, bars]
    heard = np.bincount(root, minlength=13)[:12]
    share = heard / max(heard.sum(), 1)
    some = share[share > 0]
    return {
        "changes a bar": float((np.diff(root) != 0).sum() / bars),
        "bars with a new root": float((np.diff(usual) != 0).mean()) if bars > 1 else 0.0,
        "longest stretch": float(np.diff(edges).max()),
        "bits of roots": float(-(some * np.log2(some)).sum()),
        "tonic": float(share[reading.keys.best % 12]),
    }
