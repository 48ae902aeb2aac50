"""What the checks find wrong with answers that no seeded plugin gives: canned answers in the place of a server."""

import io

import grpc
import numpy as np
import pytest
import soundfile
from segue.conformance import Bounds, Subject, Verdict
from segue.conformance.checks.catalog import CATALOG
from segue.conformance.checks.stream import STREAM
from segue.conformance.checks.verb import VERB
from segue.conformance.requests import changed_music
from segue.music import music_to_piece
from segue.plugin_api import Analyzer, Recommender, Transferrer, message_model
from segue.v1 import analyze_pb2, catalog_pb2, lineage_pb2, music_pb2, recommend_pb2, transfer_pb2

MODEL = message_model("canned", "nowhere:Model", trained=False)
TRACK = music_pb2.Track(notes=[music_pb2.Note(start=0, duration=1, pitch=60)])
NOTE = music_pb2.Music(score=music_pb2.Score(tracks=[TRACK]))


class Canned:
    name, version, summary, models = "canned", "1", "Says what it is told to say", (MODEL,)

    def check_probe(self, response):
        if {field.name for field, _ in response.ListFields()} <= {"lineage"}:
            raise ValueError("an empty answer")


class CannedRecommender(Canned, Recommender):
    async def recommend(self, request, call):
        raise AssertionError

    def probe(self):
        return recommend_pb2.RecommendRequest(seed_tracks=["known"])


class CannedTransferrer(Canned, Transferrer):
    targets = ("style",)

    async def transfer(self, request, call):
        raise AssertionError

    def probe(self):
        return transfer_pb2.TransferRequest(music=NOTE, style="any")


class CannedAnalyzer(Canned, Analyzer):
    async def analyze(self, request, call):
        raise AssertionError

    def probe(self):
        return analyze_pb2.AnalyzeRequest(music=NOTE)


class Server:
    """Gives the same answer to every call, under the lineage of the one who is asked for."""

    def __init__(self, response, entry, stream, lineage):
        self.response, self.entry, self.messages, self.lineage = response, entry, stream, lineage

    def Recommend(self, request, timeout):
        about = {"algorithm": "canned", "seed": request.seed, "models": [lineage_pb2.ModelLineage(name="canned")]}
        self.response.lineage.CopyFrom(lineage_pb2.Lineage(**(about | self.lineage)))
        return self.response

    Transfer = Analyze = Recommend

    def TransferStream(self, request, timeout):
        return iter(self.messages)

    def GetAlgorithm(self, request, timeout):
        return catalog_pb2.GetAlgorithmResponse(algorithm=self.entry)


def look(check, algorithm, response, *, entry=None, stream=(), lineage=None):
    ready = entry or catalog_pb2.Algorithm(streams=bool(stream))
    ready.state = catalog_pb2.ALGORITHM_STATE_READY
    with grpc.insecure_channel("127.0.0.1:1") as channel:
        subject = Subject(algorithm, "nowhere", channel, bounds=Bounds(seconds=1))
        subject.music = subject.catalog = Server(response, ready, stream, lineage or {})
        return check.run(subject)


def tracks(*pairs):
    found = [recommend_pb2.Recommendation(track_id=track, score=score) for track, score in pairs]
    return recommend_pb2.RecommendResponse(recommendations=found)


@pytest.mark.parametrize(
    ("response", "wrong"),
    [
        (tracks(("a", 2), ("b", 1)), ""),
        (tracks(("a", 2), ("a", 1)), "count 3 gave ['a', 'a']"),
        (tracks(("a", 4), ("b", 3), ("c", 2), ("d", 1)), "count 3 gave"),
        (tracks(("a", 1), ("b", 2)), "the scores are [1.0, 2.0]"),
        (tracks(("a", float("nan"))), "the scores are [nan]"),
        (tracks(("known", 1)), "recommends ['known'], which the history holds"),
        (recommend_pb2.RecommendResponse(), "check_probe refuses the answer: an empty answer"),
    ],
)
def test_recommendations(response, wrong):
    result = look(VERB, CannedRecommender(), response)
    assert result.verdict is (Verdict.FAIL if wrong else Verdict.PASS), result
    assert wrong in result.wrong


@pytest.mark.parametrize(
    ("lineage", "wrong"),
    [
        ({"algorithm": "another"}, "the lineage names 'another' with seed 7"),
        ({"seed": 8}, "with seed 8"),
        ({"models": []}, "without any of its models"),
        ({"models": [lineage_pb2.ModelLineage(name="strange")]}, "the lineage names models ['strange']"),
    ],
)
def test_lineage(lineage, wrong):
    assert wrong in look(VERB, CannedRecommender(), tracks(("a", 1)), lineage=lineage).wrong


def edits(*numbers):
    return transfer_pb2.TransferResponse(music=NOTE, edits=[music_pb2.Edit(id=number) for number in numbers])


@pytest.mark.parametrize(
    ("response", "wrong"),
    [
        (edits(1, 2), ""),
        (edits(1, 3), "the edits are numbered [1, 3]"),
        (
            transfer_pb2.TransferResponse(music=music_pb2.Music(midi=b"no file"), kept=["nothing"]),
            "music can't be read",
        ),
    ],
)
def test_transfers(response, wrong):
    result = look(VERB, CannedTransferrer(), response)
    assert result.verdict is (Verdict.FAIL if wrong else Verdict.PASS), result
    assert wrong in result.wrong


@pytest.mark.parametrize(
    ("response", "wrong"),
    [
        (analyze_pb2.AnalyzeResponse(notes=1, key=analyze_pb2.KeyAnalysis(confidence=1)), ""),
        (analyze_pb2.AnalyzeResponse(notes=1), "it tells no aspect"),
        (
            analyze_pb2.AnalyzeResponse(
                key=analyze_pb2.KeyAnalysis(confidence=1), pitch=analyze_pb2.PitchAnalysis(lowest=60)
            ),
            "asked for key alone it tells pitch too",
        ),
    ],
)
def test_analyses(response, wrong):
    result = look(VERB, CannedAnalyzer(), response)
    assert result.verdict is (Verdict.FAIL if wrong else Verdict.PASS), result
    assert wrong in result.wrong


def said(*events):
    return [
        transfer_pb2.TransferStreamResponse(complete=event)
        if isinstance(event, transfer_pb2.TransferResponse)
        else transfer_pb2.TransferStreamResponse(progress=transfer_pb2.TransferProgress(fraction=event))
        for event in events
    ]


@pytest.mark.parametrize(
    ("stream", "wrong"),
    [
        (said(0.0, 0.5, edits(1)), ""),
        (said(0.0, 0.5), "ends without 'complete'"),
        (said(0.0, edits(1), edits(1)), "comes before the last message"),
        ([transfer_pb2.TransferStreamResponse(), *said(edits(1))], "a message of the stream is empty"),
        (said(0.5, 0.2, edits(1)), "its progress goes 0.5, 0.2"),
        (said(0.5, 50.0, edits(1)), "its progress is 50.0"),
        (said(edits(1, 2)), "stream and plain call differ in edits"),
    ],
)
def test_streams(stream, wrong):
    result = look(STREAM, CannedTransferrer(), edits(1), stream=stream)
    assert result.verdict is (Verdict.FAIL if wrong else Verdict.PASS), result
    assert wrong in result.wrong


def entry(option=None, model=None, **fields):
    about = {"version": "1", "summary": "one line", "licence": "MIT", "limits": {"notes": 1}} | fields
    found = catalog_pb2.Algorithm(
        **about, models=[catalog_pb2.Model(name="canned", version=1) if model is None else model]
    )
    found.options_schema.update({"properties": {"depth": option} if option else {}})
    return found


TRAINED = {"command": "segue train", "settings": {}, "reports": [{}], "data": [{"licence": "CC0-1.0"}]}


def model(name="canned", digest="d" * 64, **card):
    found = catalog_pb2.Model(name=name, version=1, digest=digest)
    found.card.update(TRAINED | card)
    return found


@pytest.mark.parametrize(
    ("entry", "wrong"),
    [
        (entry(), ""),
        (entry({"description": "how deep", "default": 1, "type": "number", "minimum": 0, "maximum": 2}), ""),
        (entry(version=""), "it states no version"),
        (entry(summary="two\nlines"), "its summary is"),
        (entry(licence=""), "it states no licence"),
        (entry(limits={}), "it states no limits"),
        (entry(limits={"notes": float("inf")}), "its limit notes is inf"),
        (entry({"default": 1}), "option depth has no description"),
        (entry({"description": "how deep"}), "option depth has no default"),
        (entry({"description": "how deep", "default": 1, "type": "number", "minimum": 0}), "has no maximum"),
        (entry({"description": "how deep", "default": "", "type": "string"}), "has no maxLength"),
        (entry(model=catalog_pb2.Model(name="other")), "does not know its model 'canned'"),
    ],
)
def test_catalog_entries(entry, wrong):
    result = look(CATALOG, CannedAnalyzer(), None, entry=entry)
    assert result.verdict is (Verdict.FAIL if wrong else Verdict.PASS), result
    assert wrong in result.wrong


class TrainedAnalyzer(CannedAnalyzer):
    models = (message_model("canned", "nowhere:Model"),)
    trainer = "nowhere:Trainer"


@pytest.mark.parametrize(
    ("served", "wrong"),
    [
        (model(), ""),
        (model(digest=""), "has no version or no digest"),
        (model(data=[{"name": "songs"}]), "does not say the licence of its data"),
        (model(reports=[]), "holds no measurement"),
    ],
)
def test_model_cards(served, wrong):
    result = look(CATALOG, TrainedAnalyzer(), None, entry=entry(model=served))
    assert result.verdict is (Verdict.FAIL if wrong else Verdict.PASS), result
    assert wrong in result.wrong


def test_music_is_changed_into_other_music_of_its_kind():
    piece, _ = music_to_piece(changed_music(NOTE, 3))
    assert piece.pitch.tolist() == [63]
    file = io.BytesIO()
    soundfile.write(file, np.sin(np.arange(8000) / 20).astype(np.float32), 8000, format="WAV")
    music = music_pb2.Music(audio=music_pb2.Audio(data=file.getvalue()))
    sound, rate = soundfile.read(io.BytesIO(changed_music(music, 2).audio.data))
    before, _ = soundfile.read(io.BytesIO(file.getvalue()))
    assert rate == 8000
    assert sound == pytest.approx(np.roll(before, 1600))
