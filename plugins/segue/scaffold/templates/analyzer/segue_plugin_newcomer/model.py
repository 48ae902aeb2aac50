"""The model half: runs inside Triton, a batch at a time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from segue.music import music_to_piece, to_key
from segue.plugin_api import SegueError
from segue.plugin_api.python_model import Item, MessageModel
from segue.v1 import analyze_pb2, music_pb2

from segue_plugin_newcomer.profiles import Profiles


class ProfileModel(MessageModel[analyze_pb2.AnalyzeRequest]):
    """Names keys by fitted profiles."""

    request_type = analyze_pb2.AnalyzeRequest

    def load(self, artifacts: Path, device: str) -> None:
        """Read the version's file."""
        self._profiles = Profiles.load(artifacts)

    def answer(self, items: Sequence[Item[analyze_pb2.AnalyzeRequest]]) -> Sequence[Any]:
        """Answer each item: a response, or the error that it alone gets."""
        answers: list[analyze_pb2.AnalyzeResponse | SegueError] = []
        for item in items:
            try:
                answers.append(self._analyze(item.request, item.options["candidates"]))
            except SegueError as error:
                answers.append(error)
        return answers

    def _analyze(self, request: analyze_pb2.AnalyzeRequest, candidates: int) -> analyze_pb2.AnalyzeResponse:
        piece, notices = music_to_piece(request.music)
        response = analyze_pb2.AnalyzeResponse(
            seconds=float(piece.beats_to_seconds(piece.beats)),
            beats=piece.beats,
            notes=len(piece),
            notices=notices,
        )
        others = [aspect for aspect in request.aspects if aspect != analyze_pb2.ASPECT_KEY]
        if others:
            response.notices.append(music_pb2.Notice(subject="aspects", text="This algorithm tells the key alone."))
        if not request.aspects or analyze_pb2.ASPECT_KEY in request.aspects:
            odds = self._profiles.probabilities(piece)
            order = np.argsort(-odds, kind="stable")[:candidates].tolist()
            response.key.key.CopyFrom(to_key(order[0] % 12, order[0] >= 12))
            response.key.confidence = float(odds[order[0]])
            for key in order:
                response.key.candidates.add(key=to_key(key % 12, key >= 12), probability=float(odds[key]))
        return response
