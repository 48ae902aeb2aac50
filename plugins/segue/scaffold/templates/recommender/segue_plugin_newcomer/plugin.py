"""The gateway half: what the algorithm is called and takes. It awaits its model and computes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Final

from pydantic import Field
from segue.plugin_api import Algorithm, Call, Options, Recommender, hookimpl, message_model
from segue.v1 import recommend_pb2

SEGUE_PLUGIN_API = 1
MODEL: Final = "newcomer"
MOST_PLAYED: Final = "segue:most-played"
"""A track id that every version understands: the track with most listeners."""
RECENT_PLAYS: Final = 1000
"""Recorded plays of a listener that an answer takes into account, latest first."""


class CoOccurrenceOptions(Options):
    """Options of the algorithm."""

    causes: int = Field(default=3, ge=0, le=20, description="How many causes to list for each recommended track.")


class CoOccurrenceRecommender(Recommender):
    """Recommends what the same listeners play."""

    name = MODEL
    version = "0.1.0"
    summary = "Tracks that are played by the same listeners as those of the history; exact reasons."
    models = (
        message_model(
            MODEL,
            "segue_plugin_newcomer.model:CoOccurrenceModel",
            shipped=Path(__file__).parent / "weights" / MODEL,
        ),
    )
    Options = CoOccurrenceOptions
    limits: ClassVar = {"count": 500, "history": 10000, "seed_tracks": 1000}
    trainer = "segue_plugin_newcomer.train:CoOccurrenceTrainer"

    async def recommend(self, request: recommend_pb2.RecommendRequest, call: Call) -> recommend_pb2.RecommendResponse:
        """Add what was recorded of the listener, and let the model answer."""
        asked = recommend_pb2.RecommendRequest()
        asked.CopyFrom(request)
        if request.listener_id:
            for play in await call.plays.recent(request.listener_id, RECENT_PLAYS):
                asked.history.add(track_id=play.track_id, plays=play.plays or 1)
        return await call.message(MODEL, asked, recommend_pb2.RecommendResponse)

    def probe(self) -> recommend_pb2.RecommendRequest:
        """Ask from the most played track, which every version knows."""
        return recommend_pb2.RecommendRequest(seed_tracks=[MOST_PLAYED], count=5)

    def check_probe(self, response: recommend_pb2.RecommendResponse) -> None:
        """Want titled tracks, best first."""
        scores = [track.score for track in response.recommendations]
        if not scores or scores != sorted(scores, reverse=True):
            raise ValueError(f"scores {scores} must be descending, at least one")
        if not all(track.title for track in response.recommendations):
            raise ValueError("a track has no title")


@hookimpl
def register_algorithms() -> list[Algorithm]:
    """Return the algorithm."""
    return [CoOccurrenceRecommender()]
