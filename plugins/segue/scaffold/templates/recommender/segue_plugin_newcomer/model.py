"""The model half: runs inside Triton, a batch at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from segue.plugin_api import InvalidField, SegueError
from segue.plugin_api.python_model import Item, MessageModel
from segue.v1 import recommend_pb2

from segue_plugin_newcomer.co_occurrence import CoOccurrence
from segue_plugin_newcomer.plugin import MOST_PLAYED

_NOT_FOLLOWED: Final[tuple[str, ...]] = ("filter", "diversity", "novelty", "seed_artists", "page_token")


class CoOccurrenceModel(MessageModel[recommend_pb2.RecommendRequest]):
    """Answers requests from the fitted matrix."""

    request_type = recommend_pb2.RecommendRequest

    def load(self, artifacts: Path, device: str) -> None:
        """Read the version's files."""
        self._fitted = CoOccurrence.load(artifacts)

    def answer(self, items: Sequence[Item[recommend_pb2.RecommendRequest]]) -> Sequence[Any]:
        """Answer each item: a response, or the error that it alone gets."""
        return [self._answer(item.request, item.options) for item in items]

    def _answer(
        self, request: recommend_pb2.RecommendRequest, options: Mapping[str, Any]
    ) -> recommend_pb2.RecommendResponse | SegueError:
        asked = {field.name for field, _ in request.ListFields()}
        wrong = [(name, "is not followed by this algorithm; leave it out") for name in _NOT_FOLLOWED if name in asked]
        if request.language not in ("", "en"):
            wrong.append(("language", f"is {request.language!r}, must be 'en': reasons are in English"))
        if not (request.listener_id or request.history or request.seed_tracks):
            wrong.append(("history", "is empty; send history, seed_tracks or a listener_id with recorded plays"))
        if wrong:
            return InvalidField(*wrong[0], wrong[1:])
        given = list(dict.fromkeys([*(item.track_id for item in request.history), *request.seed_tracks]))
        given = [self._fitted.tracks[0] if track == MOST_PLAYED else track for track in given]
        known = [self._fitted.index[track] for track in given if track in self._fitted.index]
        response = recommend_pb2.RecommendResponse(
            unknown_track_ids=[track for track in given if track not in self._fitted.index]
        )
        if not known:
            response.notices.append("nothing of the history is known; these are the most played tracks")
        scores = self._fitted.scores(known)
        if known and (request.exclude_known or not request.HasField("exclude_known")):
            scores[known] = -np.inf
        best = np.argsort(-scores, kind="stable")[: request.count or 10]
        for track in best[np.isfinite(scores[best])].tolist():
            response.recommendations.append(self._recommendation(track, float(scores[track]), known, options["causes"]))
        return response

    def _recommendation(
        self, track: int, score: float, known: Sequence[int], causes: int
    ) -> recommend_pb2.Recommendation:
        fitted = self._fitted
        parts = fitted.contributions(known)[:, track]
        total = float(parts.sum())
        ranked = [int(row) for row in np.argsort(-parts, kind="stable")[:causes] if parts[row] > 0]
        found = recommend_pb2.Recommendation(track_id=fitted.tracks[track], title=fitted.titles[track], score=score)
        for row in ranked:
            found.causes.add(
                track_id=fitted.tracks[known[row]],
                title=fitted.titles[known[row]],
                share=float(parts[row]) / total,
                contribution=float(parts[row]),
            )
        names = " and ".join(cause.title for cause in found.causes[:2])
        found.reason = f"Listeners of {names} play it." if names else "Many listeners play it."
        return found
