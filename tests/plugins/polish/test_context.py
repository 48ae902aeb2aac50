"""Bars that are alike are found as their definition says, in time that a long silence does not lengthen."""

import time

import numpy as np
from scipy import sparse
from segue.music import Meter, Piece, TrackInfo
from segue.plugins.polish.context import Context, _similarity


def dense_similarity(roll):
    """The definition, over all bars."""
    bars = roll.toarray()
    norm = np.sqrt(np.maximum(bars.sum(axis=1), 1))
    cosine = bars @ bars.T / np.outer(norm, norm)
    around = np.zeros_like(cosine)
    around[1:, 1:] += cosine[:-1, :-1] / 4
    around[:-1, :-1] += cosine[1:, 1:] / 4
    alike = cosine / 2 + around
    np.fill_diagonal(alike, 0)
    weight = np.maximum(alike - 0.25, 0) ** 2
    cut = np.partition(weight, -8, axis=1)[:, -8][:, None]
    return np.where(weight >= np.maximum(cut, 1e-4), weight, 0)


def test_bars_that_are_alike_with_and_without_silence_between():
    random = np.random.default_rng(5)
    for share in (0.02, 0.2, 1.0):
        full = random.random((60, 12)) < 0.5
        full[random.random(60) > share] = False
        full[7] = True
        roll = sparse.csr_matrix(full.astype(np.float32))
        found, bars = _similarity(roll)
        whole = np.zeros((60, 60))
        whole[np.ix_(bars, bars)] = found.toarray()
        assert np.allclose(whole, dense_similarity(roll), atol=1e-6)


def test_a_long_silence_in_many_tracks_takes_no_time():
    tracks = 32
    piece = Piece.of(
        np.repeat([0.0, 50_000.0, 99_999.0], tracks),
        1.0,
        np.tile(np.arange(40, 40 + tracks), 3),
        64,
        np.tile(np.arange(tracks), 3),
        tracks=(TrackInfo(),) * tracks,
        meters=(Meter(0.0, 2, 8),),
    )
    begun = time.process_time()
    Context(piece)
    assert time.process_time() - begun < 20  # it took minutes: the bars are a hundred thousand
