"""Recommend: the gateway half of every method. The model half does the work; recorded plays join in here."""

from __future__ import annotations

import math
from pathlib import Path
from typing import ClassVar, Final, Literal

from pydantic import Field
from segue.plugin_api import Algorithm, Call, ModelSpec, Options, Recommender, hookimpl, message_model
from segue.v1 import recommend_pb2

MOST_PLAYED: Final = "segue:most-played"
"""A track id that every model understands: its track with most listeners."""

TRAIN: Final = "segue.plugins.recommend.train"

RECENT_PLAYS: Final = 1000
"""Recorded plays of a listener that an answer takes into account, latest first."""


class RecommendOptions(Options):
    """Options of every method of this family."""

    causes: int = Field(5, ge=0, le=10000, description="How many causes to list for each recommended track.")
    search: Literal["auto", "exact"] = Field(
        "auto", description="Use the version's search index if it has one and nothing is filtered, or score all tracks."
    )


def _model(name: str) -> ModelSpec:
    shipped = Path(__file__).parent / "weights" / name
    return message_model(name, "segue.plugins.recommend.model:RecommendModel", shipped=shipped)


class HistoryRecommender(Recommender):
    """Recommends from a history: the request's, what was recorded, and what the model was trained on."""

    version = "1.0.0"
    Options = RecommendOptions
    limits: ClassVar = {"count": 500, "history": 10000, "seed_tracks": 1000, "seed_artists": 100}

    async def recommend(self, request: recommend_pb2.RecommendRequest, call: Call) -> recommend_pb2.RecommendResponse:
        """Add the listener's recorded plays, the oldest first, and let the model answer."""
        if request.listener_id:
            recorded = await call.plays.recent(request.listener_id, RECENT_PLAYS)
            enriched = recommend_pb2.RecommendRequest()
            enriched.CopyFrom(request)
            for play in reversed(recorded):
                enriched.history.add(
                    track_id=play.track_id, plays=play.plays or 1, time=play.time.seconds + play.time.nanos / 1e9
                )
            request = enriched
        return await call.message(self.models[0].name, request, recommend_pb2.RecommendResponse)

    def probe(self) -> recommend_pb2.RecommendRequest:
        """Ask from the most played track, which every version knows."""
        return recommend_pb2.RecommendRequest(history=[recommend_pb2.HistoryItem(track_id=MOST_PLAYED)], count=5)

    def check_probe(self, response: recommend_pb2.RecommendResponse) -> None:
        """Want distinct, named, finitely scored tracks in order, and exact shares that add up."""
        found = response.recommendations
        scores = [track.score for track in found]
        if not found or len({track.track_id for track in found}) < len(found):
            raise ValueError(f"{len(found)} recommendations, must be distinct and at least one")
        if not all(map(math.isfinite, scores)) or scores != sorted(scores, reverse=True):
            raise ValueError(f"scores {scores} must be finite and descending")
        for track in found:
            if not track.title or not track.reason:
                raise ValueError(f"track {track.track_id!r} has no title or no reason")
            if (
                track.causes_exact
                and track.causes
                and not math.isclose(
                    sum(cause.contribution for cause in track.causes), track.score, rel_tol=1e-2, abs_tol=1e-4
                )
            ):
                raise ValueError(f"the causes of track {track.track_id!r} do not add up to its score")


class Popularity(HistoryRecommender):
    """The tracks with most listeners."""

    name = "popularity"
    summary = "The tracks that most listeners play, the same for everybody: the baseline of every report."
    models = (_model(name),)
    trainer = f"{TRAIN}:PopularityTrainer"


class UserKnn(HistoryRecommender):
    """Similar listeners."""

    name = "user-knn"
    summary = "What the listeners with the most similar plays play (cosine or Euclidean, shrinkage); exact reasons."
    models = (_model(name),)
    trainer = f"{TRAIN}:UserKnnTrainer"


class ItemKnn(HistoryRecommender):
    """Similar tracks."""

    name = "item-knn"
    summary = "Tracks that the same listeners play (cosine or Euclidean, shrinkage); exact reasons."
    models = (_model(name),)
    trainer = f"{TRAIN}:ItemKnnTrainer"


class Svd(HistoryRecommender):
    """PureSVD."""

    name = "svd"
    summary = "The plays projected on their strongest singular vectors (PureSVD); exact reasons."
    models = (_model(name),)
    trainer = f"{TRAIN}:SvdTrainer"


class Ials(HistoryRecommender):
    """Implicit alternating least squares."""

    name = "ials"
    summary = "Matrix factorisation by least squares with frequency-scaled regularisation; exact reasons."
    models = (_model(name),)
    trainer = f"{TRAIN}:IalsTrainer"


class Ease(HistoryRecommender):
    """EASE."""

    name = "ease"
    summary = "The best linear model in which no track explains itself, in closed form; exact reasons."
    models = (_model(name),)
    trainer = f"{TRAIN}:EaseTrainer"


class Content(HistoryRecommender):
    """Tags and sound."""

    name = "content"
    summary = "Tracks alike in tags and musical features, even if nobody has played them; exact reasons."
    models = (_model(name),)
    trainer = f"{TRAIN}:ContentTrainer"


class Hybrid(HistoryRecommender):
    """iALS, EASE and content in one score."""

    name = "hybrid"
    summary = "iALS, EASE and content blended, tuned on held-out plays; new tracks take part; exact reasons."
    models = (_model(name),)
    trainer = f"{TRAIN}:HybridTrainer"


class SasRec(HistoryRecommender):
    """Self-attention over the latest plays."""

    name = "sasrec"
    summary = "A causal Transformer over the latest plays in their order; approximate reasons."
    models = (_model(name),)
    trainer = f"{TRAIN}:SasRecTrainer"


class Gru4Rec(HistoryRecommender):
    """A recurrent network over the latest plays."""

    name = "gru4rec"
    summary = "A recurrent network over the latest plays in their order; approximate reasons."
    models = (_model(name),)
    trainer = f"{TRAIN}:Gru4RecTrainer"


class Caser(HistoryRecommender):
    """Convolutions over the latest plays."""

    name = "caser"
    summary = "Convolutions over the latest plays in their order; approximate reasons."
    models = (_model(name),)
    trainer = f"{TRAIN}:CaserTrainer"


@hookimpl
def register_algorithms() -> list[Algorithm]:
    """Return every method of the family; the first is the default."""
    return [
        Ials(),
        Hybrid(),
        Ease(),
        ItemKnn(),
        UserKnn(),
        Svd(),
        Content(),
        Popularity(),
        SasRec(),
        Gru4Rec(),
        Caser(),
    ]
