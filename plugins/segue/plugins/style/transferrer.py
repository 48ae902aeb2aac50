"""The gateway half that the style algorithms share: hear the piece, have it arranged anew, hear what came of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import ClassVar, Final

from segue.plugin_api import Call, StreamingTransferrer
from segue.plugins.score.plugin import ScoreAnalyzer, ScoreOptions
from segue.plugins.style.styles import STYLES, members
from segue.v1 import analyze_pb2, music_pb2
from segue.v1.transfer_pb2 import TransferProgress, TransferRequest, TransferResponse, TransferStreamResponse

HEARD_BEFORE: Final = (
    analyze_pb2.ASPECT_METER,
    analyze_pb2.ASPECT_KEY,
    analyze_pb2.ASPECT_CHORDS,
    analyze_pb2.ASPECT_MELODY,
    analyze_pb2.ASPECT_STYLE,
)
HEARD_AFTER: Final = (analyze_pb2.ASPECT_STYLE, analyze_pb2.ASPECT_ORIGINALITY)
_BEGUN, _REWRITTEN = 0.05, 0.95


class StyleTransferrer(StreamingTransferrer):
    """Gives notes another style.

    A subclass states ``models = (own, *ScoreAnalyzer.models)``. Its own model is a ``message_model`` that takes a
    ``TransferRequest`` and gives a ``TransferResponse``, or with ``stream=True`` ``TransferStreamResponse``s of which
    the last is complete; its context is the ``AnalyzeResponse`` of the piece (``arrangement.read_arrangement``). What
    the classifier of ``score``, which was not trained for this, hears before and after is added to the figures here.
    """

    heard_after: ClassVar[Sequence[analyze_pb2.Aspect.ValueType]] = HEARD_AFTER

    async def transfer_stream(self, request: TransferRequest, call: Call) -> AsyncIterator[TransferStreamResponse]:
        """Arrange a piece anew, saying how far it has come."""
        listener = replace(call, options=ScoreOptions.model_validate({}))
        yield _progress(0.0, "listening to the piece")
        before = await _listen(listener, request.music, HEARD_BEFORE)
        yield _progress(_BEGUN, "rewriting")
        response = TransferResponse()
        async for message in self._rewrite(request, call, before):
            if message.HasField("complete"):
                response = _as_it_came(request, message.complete)
            else:
                share = _BEGUN + (_REWRITTEN - _BEGUN) * message.progress.fraction
                yield _progress(share, message.progress.stage)
        yield _progress(_REWRITTEN, "listening to the result")
        after = await _listen(listener, response.music, self.heard_after)
        style = before.style.styles[0].name if before.style.styles else ""
        wanted = tuple(one for one in members(request.style) if one in STYLES) if request.style else ()
        named = {style: (style,)} | ({request.style: wanted} if wanted and wanted != (style,) else {})
        response.figures.extend(
            music_pb2.Figure(
                name=f"probability of {name}",
                before=_probability(before, styles),
                after=_probability(after, styles),
                unit="0-1",
            )
            for name, styles in named.items()
            if name
        )
        if request.HasField("example"):
            aim = await _listen(listener, request.example, HEARD_AFTER[:1])
            likeness = (_likeness(heard.style, aim.style) for heard in (before, after))
            response.figures.append(
                music_pb2.Figure(
                    name="likeness to the example's style", before=next(likeness), after=next(likeness), unit="-1 to 1"
                )
            )
        if after.HasField("originality"):
            response.originality.CopyFrom(after.originality)
        yield TransferStreamResponse(complete=response)

    async def _rewrite(
        self, request: TransferRequest, call: Call, before: analyze_pb2.AnalyzeResponse
    ) -> AsyncIterator[TransferStreamResponse]:
        own = self.models[0]
        if own.stream:
            async for message in call.messages(own.name, request, TransferStreamResponse, before):
                yield message
        else:
            response = await call.message(own.name, request, TransferResponse, before)
            yield TransferStreamResponse(complete=response)


async def _listen(
    call: Call, music: music_pb2.Music, aspects: Sequence[analyze_pb2.Aspect.ValueType]
) -> analyze_pb2.AnalyzeResponse:
    request = analyze_pb2.AnalyzeRequest(music=music, aspects=aspects)
    return await call.message(ScoreAnalyzer.models[0].name, request, analyze_pb2.AnalyzeResponse)


def _as_it_came(request: TransferRequest, response: TransferResponse) -> TransferResponse:
    """Give back the very file at strength 0, of which nothing is lost that reading it would lose."""
    if request.HasField("strength") and request.strength == 0 and request.music.WhichOneof("content") == "midi":
        response.music.CopyFrom(request.music)
        told = [notice for notice in response.notices if notice.subject != "music.midi"]
        del response.notices[:]
        response.notices.extend(told)
    return response


def _progress(fraction: float, stage: str) -> TransferStreamResponse:
    return TransferStreamResponse(progress=TransferProgress(fraction=fraction, stage=stage))


def _probability(heard: analyze_pb2.AnalyzeResponse, styles: Sequence[str]) -> float:
    """Add up the probabilities of some styles; what the analysis no longer lists counts as nothing."""
    return sum(label.probability for label in heard.style.styles if label.name in styles)


def _likeness(one: analyze_pb2.StyleAnalysis, other: analyze_pb2.StyleAnalysis) -> float:
    """Return the cosine of two styles' embeddings, which are of length 1."""
    return sum(a * b for a, b in zip(one.embedding, other.embedding, strict=False))
