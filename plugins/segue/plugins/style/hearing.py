"""``score`` in this process, as a transfer asks it over the gateway: for training and measuring."""

from __future__ import annotations

from segue.plugins.score.model import analyze
from segue.plugins.score.networks import Networks
from segue.plugins.score.plugin import ScoreOptions
from segue.plugins.style.transferrer import HEARD_BEFORE
from segue.v1 import analyze_pb2, music_pb2


def hear(midi: bytes, networks: Networks) -> analyze_pb2.AnalyzeResponse:
    """Return what is heard of a piece before it is rewritten."""
    request = analyze_pb2.AnalyzeRequest(music=music_pb2.Music(midi=midi), aspects=HEARD_BEFORE)
    return analyze(request, ScoreOptions.model_validate({}).model_dump(), networks)
