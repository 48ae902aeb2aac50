"""From scores to the page that is asked for: filters, novelty, diversity, pages. The same for all methods.

Novelty and diversity re-rank the ``POOL`` best tracks, whose scores are first brought to 0-1 (r):

    r'  = (1 - novelty) r + novelty (1 - log(1 + listeners) / log(1 + most listeners))
    next track = argmax (1 - diversity) r' - diversity max(similarity to a track already chosen)

the second being maximal marginal relevance [1]_. A track's reported score stays that of its method.

References
----------
.. [1] J. Carbonell, J. Goldstein, *The Use of MMR*, SIGIR 1998.
"""

from __future__ import annotations

import base64
import binascii
import struct
import zlib
from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray
from segue.plugin_api import InvalidField
from segue.plugins.recommend.dataset import Catalogue, Dataset
from segue.v1 import recommend_pb2

POOL = 1000
"""Tracks that novelty and diversity choose from; their pages end there."""

BLOCK = 512
"""Scores whose largest stands for them in the search for the best of a large catalogue."""

TRACKS_AN_ARTIST = 50
"""Tracks of a seed artist that are seeds: those with most listeners."""

Rows = NDArray[np.int32]


def allowed_tracks(catalogue: Catalogue, asked: recommend_pb2.RecommendFilter) -> tuple[NDArray[np.bool_], list[str]]:
    """Return which tracks pass a filter, and a notice for each name in it that the catalogue does not have."""
    notices: list[str] = []

    def rows(kind: str, names: Iterable[str], index: Mapping[str, NDArray[np.int32]]) -> NDArray[np.bool_]:
        chosen = np.zeros(len(catalogue), dtype=bool)
        for name in names:
            if (found := index.get(name.casefold())) is None:
                notices.append(f"filter: the catalogue has no {kind} {name!r}")
            else:
                chosen[found] = True
        return chosen

    allowed = np.ones(len(catalogue), dtype=bool)
    if asked.tags:
        allowed &= rows("tag", asked.tags, catalogue.tag_index)
    if asked.artists:
        allowed &= rows("artist", asked.artists, catalogue.artist_index)
    allowed &= ~rows("tag", asked.excluded_tags, catalogue.tag_index)
    allowed &= ~rows("artist", asked.excluded_artists, catalogue.artist_index)
    # A track that is not in the catalogue can't be recommended anyway: no notice.
    allowed[[catalogue.index[track] for track in asked.excluded_tracks if track in catalogue.index]] = False
    return allowed, notices


def tracks_by(data: Dataset, artists: Iterable[str]) -> tuple[Rows, Rows, list[str]]:
    """Return the most played tracks of each artist, all their tracks, and a notice for each artist not known."""
    most_played, every, notices = [np.zeros(0, np.int32)], [np.zeros(0, np.int32)], []
    for name in artists:
        if (rows := data.catalogue.artist_index.get(name.casefold())) is None:
            notices.append(f"seed_artists: the catalogue has no artist {name!r}")
        else:
            every.append(rows)
            most_played.append(rows[np.argsort(-data.audience[rows], kind="stable")[:TRACKS_AN_ARTIST]])
    return np.concatenate(most_played), np.concatenate(every), notices


def rank(
    scores: NDArray[np.float32],
    allowed: NDArray[np.bool_],
    data: Dataset,
    wanted: int,
    diversity: float,
    novelty: float,
) -> Rows:
    """Return the best ``wanted`` allowed tracks, best first; equal scores by number of listeners."""
    rerank = diversity > 0 or novelty > 0
    best: Rows = _best(np.where(allowed, scores, -np.inf), data.audience, POOL if rerank else wanted)
    best = best[allowed[best]]
    if not rerank or not len(best):
        return best[:wanted]
    chosen = scores[best]
    relevance = (chosen - chosen.min()) / max(float(np.ptp(chosen)), 1e-9)
    rarity = 1 - np.log1p(data.audience[best]) / np.log1p(max(data.audience.max(), 1))
    relevance = (1 - novelty) * relevance + novelty * rarity
    if diversity == 0:
        return best[np.argsort(-relevance, kind="stable")][:wanted]
    return best[_maximal_marginal_relevance(relevance, data.catalogue, best, wanted, diversity)]


def _best(scores: NDArray[np.float32], audience: NDArray[np.int64], count: int) -> Rows:
    count = min(count, len(scores))
    rows = _where_the_best_are(scores, count)
    threshold = np.partition(scores[rows], len(rows) - count)[len(rows) - count]
    rows = rows[scores[rows] >= threshold]
    best: Rows = rows[np.lexsort((rows, -audience[rows], -scores[rows]))][:count]
    return best


def _where_the_best_are(scores: NDArray[np.float32], count: int) -> Rows:
    """Return rows among which the ``count`` best are, and all that equal the last of them; all rows if they are few.

    The largest scores of ``count`` blocks are ``count`` scores, so no block whose largest is below all of them has one
    of the best.
    """
    whole = len(scores) - len(scores) % BLOCK
    if whole < 4 * BLOCK * count:
        return np.arange(len(scores), dtype=np.int32)
    largest = scores[:whole].reshape(-1, BLOCK).max(axis=1)
    blocks = np.flatnonzero(largest >= np.partition(largest, len(largest) - count)[len(largest) - count])
    rows = (blocks[:, None] * BLOCK + np.arange(BLOCK)).ravel()
    return np.append(rows, np.arange(whole, len(scores))).astype(np.int32)


def _maximal_marginal_relevance(
    relevance: NDArray[np.float32], catalogue: Catalogue, rows: Rows, wanted: int, diversity: float
) -> Rows:
    similarity = catalogue.similarity(rows)
    closest = np.zeros(len(rows), dtype=np.float32)
    value = (1 - diversity) * relevance
    order: list[int] = []
    for _ in range(min(wanted, len(rows))):
        pick = int(np.argmax(value - diversity * closest))
        order.append(pick)
        closest = np.maximum(closest, similarity[pick])
        value[pick] = -np.inf
    return np.array(order, dtype=np.int64)


def page_token(request: recommend_pb2.RecommendRequest, start: int) -> str:
    """Return a token that goes on at ``start`` in the answer to the same request."""
    return base64.urlsafe_b64encode(struct.pack(">II", start, _fingerprint(request))).decode().rstrip("=")


def page_start(request: recommend_pb2.RecommendRequest) -> int:
    """Return where the page begins that the request's token asks for.

    Raises
    ------
    InvalidField
        If the token is not one of ``page_token``, or belongs to another request.
    """
    if not request.page_token:
        return 0
    try:
        start, fingerprint = struct.unpack(">II", base64.urlsafe_b64decode(request.page_token + "="))
    except (binascii.Error, struct.error, ValueError) as error:
        raise InvalidField("page_token", "is not a token of an earlier answer") from error
    if fingerprint != _fingerprint(request):
        raise InvalidField("page_token", "belongs to another request; only count and history may change between pages")
    return int(start)


def _fingerprint(request: recommend_pb2.RecommendRequest) -> int:
    asked = recommend_pb2.RecommendRequest(
        listener_id=request.listener_id,
        seed_tracks=request.seed_tracks,
        seed_artists=request.seed_artists,
        filter=request.filter,
        diversity=request.diversity,
        novelty=request.novelty,
    )
    return zlib.crc32(asked.SerializeToString(deterministic=True) + bytes([leaves_out_known(request)]))


def leaves_out_known(request: recommend_pb2.RecommendRequest) -> bool:
    """Return whether what the listener knows is left out: yes, unless the request says no."""
    return request.exclude_known if request.HasField("exclude_known") else True
