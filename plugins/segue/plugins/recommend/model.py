"""The model half: many listeners in one matrix product, then each one's page and reasons. One class for all methods.

A version's folder holds ``recipe.json`` (which method, with which settings), the data (``dataset``), and what the
method learnt: ``weights.safetensors`` and, of a method made of others, a file of each one that learnt something
(``ials.safetensors``), the same as that method would write.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save
from segue.plugin_api import InvalidField, NotFound, SegueError
from segue.plugin_api.python_model import Item, MessageModel
from segue.plugins.recommend import ranking
from segue.plugins.recommend.algorithms import find_scorer
from segue.plugins.recommend.algorithms.base import FactorScorer, Scorer, weights_of
from segue.plugins.recommend.dataset import Dataset, History
from segue.plugins.recommend.plugin import MOST_PLAYED
from segue.plugins.recommend.reasons import find_causes, write_reason
from segue.plugins.recommend.search import MOST, TrackSearch
from segue.v1 import recommend_pb2
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

RECIPE: Final = "recipe.json"
SUFFIX: Final = ".safetensors"
WEIGHTS: Final = f"weights{SUFFIX}"
DEFAULT_COUNT: Final = 10
MAX_COUNT: Final = 500
TAGS_SHOWN: Final = 5


def save_scorer(scorer: Scorer, data: Dataset, folder: Path, **recipe: Any) -> None:
    """Write a version: the method, its settings, its data, what it learnt, and whatever else its recipe is to say."""
    content = {"algorithm": scorer.name, "settings": scorer.settings.model_dump(mode="json"), **recipe}
    (folder / RECIPE).write_text(json.dumps(content, indent=1) + "\n")
    data.save(folder)
    weights = scorer.weights()
    for part in scorer.parts:
        if own := weights_of(part, weights):
            (folder / f"{part}{SUFFIX}").write_bytes(save(own))
            weights = {name: array for name, array in weights.items() if not name.startswith(f"{part}.")}
    (folder / WEIGHTS).write_bytes(save(weights))


def load_weights(folder: Path) -> dict[str, NDArray[Any]]:
    """Read what the method of a version learnt, by the names of ``Scorer.weights``.

    Versions that hold all in ``weights.safetensors``, as earlier ones of hybrid do, are read as well.
    """
    weights: dict[str, NDArray[Any]] = load_file(folder / WEIGHTS)
    for path in folder.glob(f"*{SUFFIX}"):
        if path.name != WEIGHTS:
            weights |= {f"{path.stem}.{name}": array for name, array in load_file(path).items()}
    return weights


def load_scorer(folder: Path, data: Dataset, device: str = "cpu") -> Scorer:
    """Read the method of a version."""
    recipe = json.loads((folder / RECIPE).read_text())
    method = find_scorer(recipe["algorithm"])
    scorer = method(method.Settings(**recipe["settings"]), device)
    scorer.restore(load_weights(folder), data)
    return scorer


@dataclass(frozen=True)
class Query:
    """What a request asks from.

    Attributes
    ----------
    history
        The seeds if there are any, else all plays of the listener.
    start, count
        The page.
    allowed
        Which tracks may be recommended.
    candidates
        How many of the best tracks are enough to fill the page, 0 if that is not known beforehand.
    unknown
        Ids of tracks that the catalogue does not have.
    notices
        What else could not be obeyed.
    from_seeds
        Whether the history is made of seeds.
    """

    history: History
    start: int
    count: int
    allowed: NDArray[np.bool_]
    candidates: int
    unknown: Sequence[str]
    notices: Sequence[str]
    from_seeds: bool


class RecommendModel(MessageModel[recommend_pb2.RecommendRequest]):
    """Answers Recommend with any of the methods."""

    request_type = recommend_pb2.RecommendRequest

    def load(self, artifacts: Path, device: str) -> None:
        """Read the version's data and what its method learnt."""
        # Batches here are small: more BLAS threads than one make each answer slower, and the neighbours' too.
        threadpool_limits(1)
        self.data = Dataset.load(artifacts)
        self.scorer = load_scorer(artifacts, self.data, device)
        factors = self.scorer.tracks if isinstance(self.scorer, FactorScorer) else None
        self.search = None if factors is None else TrackSearch.load(artifacts, factors)
        self.index = {MOST_PLAYED: int(self.data.audience.argmax())} | self.data.catalogue.index

    def answer(
        self, items: Sequence[Item[recommend_pb2.RecommendRequest]]
    ) -> list[recommend_pb2.RecommendResponse | SegueError]:
        """Score all listeners of the batch at once, then write each answer."""
        queries = [self._query(item.request) for item in items]
        asked = [(q, item.options) for q, item in zip(queries, items, strict=True) if isinstance(q, Query)]
        scores = iter(self._scores(asked))
        return [
            self._respond(item, query, next(scores)) if isinstance(query, Query) else query
            for item, query in zip(items, queries, strict=True)
        ]

    def _scores(self, asked: Sequence[tuple[Query, Mapping[str, Any]]]) -> Sequence[NDArray[np.float32]]:
        """Score for each query all tracks, or those that a search finds; the former in one product."""
        search, scorer = self.search, self.scorer
        found: dict[int, NDArray[np.float32]] = {}
        if search is not None and isinstance(scorer, FactorScorer):
            for place, (query, options) in enumerate(asked):
                if options.get("search") != "exact" and 0 < query.candidates <= MOST:
                    found[place] = search.scores(scorer.fold_in([query.history])[0], query.candidates)
        rest = [place for place in range(len(asked)) if place not in found]
        if rest:
            found |= zip(rest, scorer.scores([asked[place][0].history for place in rest]), strict=True)
        return [found[place] for place in range(len(asked))]

    def _query(self, request: recommend_pb2.RecommendRequest) -> Query | SegueError:
        try:
            return self._read(request)
        except SegueError as error:
            return error

    def _read(self, request: recommend_pb2.RecommendRequest) -> Query:
        for name in ("diversity", "novelty"):
            if not 0 <= getattr(request, name) <= 1:
                raise InvalidField(name, f"is {getattr(request, name)}, must be 0-1")
        history, unknown, notices = self._history(request)
        index = self.index
        of_artists, by_artists, no_artists = ranking.tracks_by(self.data, request.seed_artists)
        named = [index[track] for track in request.seed_tracks if track in index]
        seeds = np.union1d(np.array(named, dtype=np.int32), of_artists).astype(np.int32)
        unknown += [track for track in request.seed_tracks if track not in index]
        allowed, unmet = ranking.allowed_tracks(self.data.catalogue, request.filter)
        if ranking.leaves_out_known(request):
            allowed[history.tracks] = False
        allowed[seeds] = allowed[by_artists] = False
        left_out = len(history) + len(seeds) + len(by_artists)
        start = ranking.page_start(request)
        count = min(request.count, MAX_COUNT) if request.count > 0 else DEFAULT_COUNT
        reranked = ranking.POOL if request.diversity or request.novelty else 0
        if len(seeds):
            history = History.merge(seeds, np.ones(len(seeds)), np.zeros(len(seeds)))
        if self.scorer.needs_history and not len(history):
            raise _nothing_known(request, unknown)
        return Query(
            history=history,
            start=start,
            count=count,
            allowed=allowed,
            candidates=0 if request.HasField("filter") else left_out + max(start + count + 1, reranked),
            unknown=list(dict.fromkeys(unknown)),
            notices=notices + no_artists + unmet,
            from_seeds=len(seeds) > 0,
        )

    def _history(self, request: recommend_pb2.RecommendRequest) -> tuple[History, list[str], list[str]]:
        """Join what the model knows of the listener with the request's history."""
        index = self.index
        for place, item in enumerate(request.history):
            if not np.isfinite([item.plays, item.time]).all() or item.plays < 0:
                raise InvalidField(f"history[{place}]", "plays and time must be finite, plays at least 0")
        played = [(index[i.track_id], i.plays or 1.0, i.time) for i in request.history if i.track_id in index]
        unknown = [item.track_id for item in request.history if item.track_id not in index]
        notices: list[str] = []
        row = self.data.listener_index.get(request.listener_id)
        if row is not None:
            own = self.data.history(row)
            played = [(track, plays, 0.0) for track, plays in zip(own.tracks, own.plays, strict=True)] + played
        elif request.listener_id and request.history:
            notices.append(f"listener {request.listener_id!r} was not there in training; only the history counts")
        columns = np.array(played, dtype=np.float64).reshape(-1, 3).T
        return History.merge(columns[0].astype(np.int32), columns[1], columns[2]), unknown, notices

    def _respond(
        self, item: Item[recommend_pb2.RecommendRequest], query: Query, scores: NDArray[np.float32]
    ) -> recommend_pb2.RecommendResponse:
        request, catalogue, exact = item.request, self.data.catalogue, self.scorer.exact
        end = query.start + query.count
        allowed = query.allowed & (scores > -np.inf)
        ranked = ranking.rank(scores, allowed, self.data, end + 1, request.diversity, request.novelty)
        page = ranked[query.start : end].astype(np.int32)
        response = recommend_pb2.RecommendResponse(
            next_page_token=ranking.page_token(request, end) if len(ranked) > end else "",
            unknown_track_ids=query.unknown,
            notices=query.notices,
        )
        if not len(page):
            response.notices.append("no track is left that the filter and the page allow")
            return response
        parts = self.scorer.contributions(query.history, page)
        for row, part in zip(page, parts, strict=True):
            causes = find_causes(catalogue, query.history, part, int(item.options["causes"]))
            named = causes or find_causes(catalogue, query.history, part, 2)
            response.recommendations.add(
                track_id=catalogue.ids[row],
                title=catalogue.titles[row],
                artist=catalogue.artists[row],
                tags=catalogue.tags_of(row, TAGS_SHOWN),
                score=float(scores[row]),
                causes=causes,
                causes_exact=exact,
                reason=write_reason(
                    self.data,
                    row,
                    named,
                    exact=exact,
                    from_seeds=query.from_seeds,
                    language=request.language,
                ),
            )
        return response


def _nothing_known(request: recommend_pb2.RecommendRequest, unknown: Sequence[str]) -> SegueError:
    if unknown:
        some = ", ".join(unknown[:5]) + (" ..." if len(unknown) > 5 else "")
        return NotFound(f"the model knows none of the tracks given: {some}")
    if request.listener_id:
        return NotFound(
            f"listener {request.listener_id!r} is not known: no plays were recorded and the model was trained without"
        )
    return InvalidField("listener_id", "is empty: give a listener_id, a history or seeds to recommend from")
