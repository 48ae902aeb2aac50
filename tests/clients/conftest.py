"""A real gRPC server on a free port that answers what a test tells it to. The client is what is tested here."""

import inspect
import threading
from collections import defaultdict, deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import grpc
import pytest
from google.protobuf import any_pb2, duration_pb2
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status
from segue.client import AsyncClient, Client, RetryPolicy, parse_key, score_to_midi
from segue.client.cli import app
from segue.v1 import (
    admin_pb2,
    admin_pb2_grpc,
    analyze_pb2,
    catalog_pb2,
    catalog_pb2_grpc,
    errors_pb2,
    generate_pb2,
    lineage_pb2,
    listening_pb2,
    listening_pb2_grpc,
    music_pb2,
    music_service_pb2_grpc,
    recommend_pb2,
    transfer_pb2,
)
from typer.testing import CliRunner


@dataclass
class Failure:
    """A call that fails; without a reason, as gRPC or a proxy would say it."""

    code: grpc.StatusCode
    reason: str = ""
    message: str = "it failed"
    violations: tuple = ()
    retry_after: float | None = None

    def abort(self, context):
        if not self.reason:
            context.abort(self.code, self.message)
        details = [error_details_pb2.ErrorInfo(reason=self.reason, domain="segue.v1", metadata={"call_id": "c0ffee"})]
        if self.violations:
            violation = error_details_pb2.BadRequest.FieldViolation
            fields = [violation(field=field, description=text) for field, text in self.violations]
            details.append(error_details_pb2.BadRequest(field_violations=fields))
        if self.retry_after is not None:
            delay = duration_pb2.Duration()
            delay.FromNanoseconds(int(self.retry_after * 1e9))
            details.append(error_details_pb2.RetryInfo(retry_delay=delay))
        packed = [any_pb2.Any() for _ in details]
        for detail, wrapped in zip(details, packed, strict=True):
            wrapped.Pack(detail)
        status = status_pb2.Status(code=self.code.value[0], message=self.message, details=packed)
        context.abort_with_status(rpc_status.to_status(status))


@dataclass
class Seen:
    """A request as it arrived."""

    method: str
    request: object
    metadata: dict
    seconds: float


STREAMS = ("GenerateStream", "TransferStream", "ExportListener")


class FakeSegue:
    """Servicer of every service. ``outcomes[method]`` is answered in order, then the canned answer for ever."""

    Failure = Failure

    def __init__(self, midi):
        self.canned = canned_answers(midi)
        self.reset()

    def reset(self):
        self.outcomes = defaultdict(deque)
        self.seen = []
        self.begun = threading.Event()
        self.cancelled = threading.Event()

    def calls(self, method):
        return [seen for seen in self.seen if seen.method == method]

    def __getattr__(self, method):
        if method not in self.canned:
            raise AttributeError(method)
        if method in STREAMS:
            return lambda request, context: self._stream(method, request, context)
        if method == "StreamPlays":
            return lambda requests, context: (self._answer("StreamPlays", request, context) for request in requests)
        return lambda request, context: self._answer(method, request, context)

    def _answer(self, method, request, context):
        self.seen.append(Seen(method, request, dict(context.invocation_metadata()), context.time_remaining()))
        outcome = self.outcomes[method].popleft() if self.outcomes[method] else self.canned[method]
        if isinstance(outcome, Failure):
            outcome.abort(context)
        return outcome(request, context) if inspect.isfunction(outcome) else outcome

    def _stream(self, method, request, context):
        context.add_callback(self.cancelled.set)
        self.begun.set()
        for message in self._answer(method, request, context):
            if isinstance(message, Failure):
                message.abort(context)
            elif isinstance(message, float):
                self.cancelled.wait(message)
            else:
                yield message


def canned_answers(midi):
    """Answers that look like real ones."""
    lineage = lineage_pb2.Lineage(
        response_id="r1",
        algorithm="chorale",
        algorithm_version="1.0",
        seed=42,
        models=[lineage_pb2.ModelLineage(name="chorale-gru", version=1, data_licences=["CC0-1.0"])],
    )
    music = music_pb2.Music(midi=midi)
    chords = [music_pb2.Chord(symbol="G:maj", roman_numeral="I", span=music_pb2.Span(start=0, end=4))]
    piece = generate_pb2.Piece(music=music, key=parse_key("G"), tempo=96, bars=2, chords=chords)
    generated = generate_pb2.GenerateResponse(pieces=[piece], lineage=lineage)
    bars = [
        generate_pb2.GenerateStreamResponse(bar=generate_pb2.Bar(number=number, total=2, score=music_pb2.Score()))
        for number in (1, 2)
    ]
    before, after = music_pb2.Note(start=1.1, duration=1, pitch=61), music_pb2.Note(start=1, duration=1, pitch=62)
    place = music_pb2.Place(track=0, bar=1)
    pitch = music_pb2.EDIT_KIND_PITCH
    chorale = catalog_pb2.Algorithm(
        name="chorale",
        capability=catalog_pb2.CAPABILITY_GENERATE,
        version="1.0",
        summary="Four-part chorales.",
        state=catalog_pb2.ALGORITHM_STATE_READY,
        is_default=True,
        streams=True,
        plugin="segue 0.1.0",
        models=[catalog_pb2.Model(name="chorale-gru", version=1, versions=[1])],
        limits={"bars": 64},
    )
    chorale.options_schema.update(
        {"properties": {"temperature": {"type": "number", "minimum": 0, "maximum": 2, "default": 1.0}}}
    )
    rows = {"chorale-gru": {"nats": 0.374}, "unigram": {"nats": 1.14}}
    chorale.models[0].card.update({"reports": [{"protocol": "JSB test", "rows": rows}]})
    traffic = admin_pb2.Traffic(
        capability=catalog_pb2.CAPABILITY_GENERATE, shares=[admin_pb2.TrafficShare(algorithm="chorale", weight=3)]
    )
    play = listening_pb2.Play(event_id="e1", listener_id="alice", track_id="t1")
    play.time.FromSeconds(1_700_000_000)
    recommended = recommend_pb2.RecommendResponse(
        recommendations=[
            recommend_pb2.Recommendation(
                track_id="t9",
                title="Blue in Green",
                artist="Miles Davis",
                tags=["jazz"],
                score=1.5,
                causes=[recommend_pb2.Cause(track_id="t1", title="So What", share=0.6)],
                reason="Because you play So What (60 %).",
            )
        ],
        lineage=lineage_pb2.Lineage(algorithm="ials", algorithm_version="1.0"),
    )
    failed = errors_pb2.Failure(
        reason=errors_pb2.ERROR_REASON_INVALID_FIELD,
        message="count: is 501",
        violations=[errors_pb2.FieldViolation(field="count", description="is 501")],
    )
    outcome = recommend_pb2.RecommendOutcome
    transferred = transfer_pb2.TransferResponse(
        music=music,
        edits=[music_pb2.Edit(id=1, kind=pitch, place=place, before=before, after=after, reason="slip")],
        figures=[music_pb2.Figure(name="notes off the grid", before=5, after=0, unit="notes")],
        kept=["the melody"],
        lineage=lineage,
    )
    halfway = transfer_pb2.TransferProgress(fraction=0.5, stage="rewriting bar 1 of 2")
    return {
        "Recommend": recommended,
        "BatchRecommend": recommend_pb2.BatchRecommendResponse(
            outcomes=[outcome(response=recommended), outcome(failure=failed)]
        ),
        "Generate": generated,
        "GenerateStream": [*bars, generate_pb2.GenerateStreamResponse(complete=generated)],
        "Transfer": transferred,
        "TransferStream": [
            transfer_pb2.TransferStreamResponse(progress=halfway),
            transfer_pb2.TransferStreamResponse(complete=transferred),
        ],
        "Analyze": analyze_pb2.AnalyzeResponse(
            seconds=5,
            beats=8,
            notes=8,
            key=analyze_pb2.KeyAnalysis(key=parse_key("G"), confidence=0.9),
            chords=chords,
            issues=[
                analyze_pb2.Issue(
                    kind=analyze_pb2.ISSUE_KIND_TIMING,
                    place=place,
                    severity=analyze_pb2.SEVERITY_WARNING,
                    text="late",
                    suggestion="earlier",
                )
            ],
            lineage=lineage,
        ),
        "ListAlgorithms": catalog_pb2.ListAlgorithmsResponse(algorithms=[chorale]),
        "GetAlgorithm": catalog_pb2.GetAlgorithmResponse(algorithm=chorale),
        "ListPlugins": catalog_pb2.ListPluginsResponse(
            plugins=[
                catalog_pb2.Plugin(name="chorale", distribution="segue 0.1.0", algorithms=["chorale"]),
                catalog_pb2.Plugin(name="bad", distribution="bad 1", quarantined=True, cause="ImportError: nope"),
            ]
        ),
        "RecordPlays": lambda request, _: listening_pb2.RecordPlaysResponse(recorded=len(request.plays)),
        "StreamPlays": lambda request, _: listening_pb2.StreamPlaysResponse(recorded=len(request.plays)),
        "ListPlays": listening_pb2.ListPlaysResponse(plays=[play], next_page_token="next"),
        "ExportListener": [listening_pb2.ExportListenerResponse(plays=[play])] * 2,
        "EraseListener": listening_pb2.EraseListenerResponse(erased=3),
        "LoadAlgorithm": admin_pb2.LoadAlgorithmResponse(algorithm=chorale),
        "UnloadAlgorithm": admin_pb2.UnloadAlgorithmResponse(algorithm=chorale),
        "ReloadAlgorithm": admin_pb2.ReloadAlgorithmResponse(algorithm=chorale),
        "PromoteModel": admin_pb2.PromoteModelResponse(model=chorale.models[0]),
        "RollBackModel": admin_pb2.RollBackModelResponse(model=chorale.models[0]),
        "SetTraffic": admin_pb2.SetTrafficResponse(traffic=[traffic]),
        "GetTraffic": admin_pb2.GetTrafficResponse(traffic=[traffic]),
        "Drain": admin_pb2.DrainResponse(in_flight=2),
    }


@pytest.fixture(scope="session")
def score():
    """Two bars in two voices."""
    tracks = [music_pb2.Track(name="Soprano", program=52), music_pb2.Track(name="Bass", program=32)]
    for track, pitches in zip(tracks, ((67, 71, 74, 69), (43, 43, 38, 43)), strict=True):
        for beat, pitch in enumerate(pitches):
            track.notes.add(start=2 * beat, duration=2, pitch=pitch, velocity=80)
    return music_pb2.Score(
        title="Two bars",
        tracks=tracks,
        tempos=[music_pb2.TempoChange(quarters_per_minute=96)],
        time_signatures=[
            music_pb2.TimeSignatureChange(time_signature=music_pb2.TimeSignature(numerator=4, denominator=4))
        ],
        keys=[music_pb2.KeyChange(key=parse_key("G"))],
    )


@pytest.fixture(scope="session")
def midi(score):
    """The same as a MIDI file."""
    return score_to_midi(score)


@pytest.fixture(scope="session")
def server(midi):
    """The fake and its port."""
    fake = FakeSegue(midi)
    options = [("grpc.max_receive_message_length", 64 << 20)]
    server = grpc.server(ThreadPoolExecutor(8), options=options)
    music_service_pb2_grpc.add_MusicServiceServicer_to_server(fake, server)
    catalog_pb2_grpc.add_CatalogServiceServicer_to_server(fake, server)
    listening_pb2_grpc.add_ListeningServiceServicer_to_server(fake, server)
    admin_pb2_grpc.add_AdminServiceServicer_to_server(fake, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield fake, port
    server.stop(0).wait()


@pytest.fixture
def fake(server):
    """The fake, as new."""
    server[0].reset()
    return server[0]


@pytest.fixture
def address(server):
    """Where the fake listens."""
    return f"127.0.0.1:{server[1]}"


class Uniform:
    """Either client, called in the same way: ``await`` an answer, ``async for`` a stream."""

    def __init__(self, client):
        self._client = client

    def __getattr__(self, name):
        method = getattr(self._client, name)

        def call(*args, **kwargs):
            result = method(*args, **kwargs)
            return result if isinstance(self._client, AsyncClient) else _as_async(result)

        return call


class _as_async:  # noqa: N801
    def __init__(self, result):
        self._result = result

    def __await__(self):
        return self._result
        yield

    async def __aiter__(self):
        for item in self._result:
            yield item


@pytest.fixture(params=[Client, AsyncClient])
def make_client(request, address):
    """Make a client of either kind for the fake."""

    def make(**settings):
        settings.setdefault("retry", RetryPolicy(first_pause_seconds=0.01))
        return Uniform(request.param(address, **settings))

    return make


@pytest.fixture
async def client(make_client, fake):
    """Either client, connected to the fake."""
    client = make_client()
    yield client
    await client.close()


@pytest.fixture
def segue(fake, address, tmp_path, monkeypatch):
    """Run ``segue ...`` in an empty folder; returns the result."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEGUE_ADDRESS", address)
    monkeypatch.setenv("COLUMNS", "120")

    def run(*arguments, code=0, **settings):
        result = CliRunner().invoke(app, [str(argument) for argument in arguments], **settings)
        assert result.exit_code == code, result.output
        assert "Traceback" not in result.output
        return result

    return run


@pytest.fixture
def piece(tmp_path, midi):
    """A MIDI file in the folder where commands run."""
    path = tmp_path / "song.mid"
    path.write_bytes(midi)
    return path
