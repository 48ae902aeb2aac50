"""Input that nobody meant well is answered or refused with a clear error; memory stays bounded, the server goes on."""

import random
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files

import grpc
import pytest
from segue.v1 import analyze_pb2, errors_pb2, generate_pb2, music_pb2, recommend_pb2, transfer_pb2

from .server import failure

CHORALE = (files("segue.client.demo") / "chorale.mid").read_bytes()
FILES = {"analyze": 1000, "transfer": 200}


def mutated(number):
    """Return the chorale with bytes changed, cut out, repeated or cut off; the same for the same number."""
    rng = random.Random(number)
    data = bytearray(CHORALE)
    for _ in range(rng.choice((1, 2, 5, 20, 100))):
        place = rng.randrange(len(data))
        match rng.randrange(5):
            case 0:
                data[place] = rng.randrange(256)
            case 1:
                del data[place : place + rng.randrange(1, 40)]
            case 2:
                data[place:place] = rng.randbytes(rng.randrange(1, 20))
            case 3:
                data[place] = rng.choice((0, 0x7F, 0x80, 0xFF, 0xF0, 0xF7))
            case _:
                data[place:place] = data[place : place + rng.randrange(1, 200)]
        if len(data) < 20:
            break
    return bytes(data[: rng.randrange(len(data))] if rng.random() < 0.2 else data)


def outcome(call, request):
    """Return "answered", or reason and fields of an error that any caller may be shown."""
    try:
        call(request, timeout=60)
    except grpc.RpcError:
        _, reason, fields, _, text = failure(call, request, timeout=60)
        assert "Traceback" not in text
        return reason, *fields
    return ("answered",)


def resident(server):
    return sum(process.memory_info().rss for process in server.processes())


@pytest.mark.parametrize("kind", ["analyze", "transfer"])
def test_mutated_midi_files(server, kind):
    def one(number):
        music = music_pb2.Music(midi=mutated(number))
        if kind == "analyze":
            aspects = [] if number % 5 == 0 else [analyze_pb2.ASPECT_KEY, analyze_pb2.ASPECT_METER]
            return outcome(server.music.Analyze, analyze_pb2.AnalyzeRequest(music=music, aspects=aspects))
        polish = transfer_pb2.Polish()
        return outcome(server.music.Transfer, transfer_pb2.TransferRequest(music=music, polish=polish))

    one(0)
    before = resident(server)
    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(one, range(FILES[kind])))
    assert set(outcomes) <= {
        ("answered",),
        ("INVALID_MUSIC", "music.midi"),
        ("INVALID_MUSIC", "music"),
        ("INVALID_FIELD", "music.midi"),
    }
    assert outcomes.count(("answered",)) > FILES[kind] / 10
    assert resident(server) - before < 300e6


def tracks(count, notes):
    return [
        music_pb2.Track(notes=[music_pb2.Note(start=i, duration=1, pitch=i % 128) for i in range(notes)])
        for _ in range(count)
    ]


@pytest.mark.parametrize(
    ("request_message", "field"),
    [
        (music_pb2.Music(), "music"),
        (music_pb2.Music(midi=b"no MIDI file at all"), "music.midi"),
        (music_pb2.Music(midi=bytes(9 << 20)), "music.midi"),
        (music_pb2.Music(score=music_pb2.Score(tracks=tracks(65, 0))), "music.score.tracks"),
        (
            music_pb2.Music(score=music_pb2.Score(tracks=[music_pb2.Track(program=999)])),
            "music.score.tracks[0].program",
        ),
        (
            music_pb2.Music(
                score=music_pb2.Score(
                    tracks=[music_pb2.Track(notes=[music_pb2.Note(start=float("nan"), duration=1, pitch=60)])]
                )
            ),
            "music.score.tracks[0].notes[0].start",
        ),
        (
            music_pb2.Music(
                score=music_pb2.Score(tracks=[music_pb2.Track(notes=[music_pb2.Note(duration=1e300, pitch=300)])])
            ),
            "music.score.tracks[0].notes[0].duration",
        ),
    ],
)
def test_music_that_is_none(server, request_message, field):
    for call, request in (
        (server.music.Analyze, analyze_pb2.AnalyzeRequest(music=request_message)),
        (server.music.Transfer, transfer_pb2.TransferRequest(music=request_message, polish=transfer_pb2.Polish())),
    ):
        code, _, fields, _, text = failure(call, request)
        assert code == "INVALID_ARGUMENT"
        assert fields[0].startswith(field)
        assert text


@pytest.mark.parametrize("data", [b"RIFF", b"fLaC" + bytes(5000), b"ID3" + bytes(100), b"OggS" + bytes(range(256)) * 9])
def test_audio_that_is_none(server, data):
    music = music_pb2.Music(audio=music_pb2.Audio(data=data))
    code, reason, fields, *_ = failure(server.music.Analyze, analyze_pb2.AnalyzeRequest(music=music))
    assert (code, reason, fields) == ("INVALID_ARGUMENT", "INVALID_MUSIC", ["music.audio.data"])
    assert server.serving("audio")


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"bars": 10_000}, "bars"),
        ({"bars": -1}, "bars"),
        ({"count": 1_000_000}, "count"),
        ({"tempo": 1e9}, "tempo"),
        ({"theme": "x" * 5000}, "theme"),
        ({"instruments": [999]}, "instruments[0]"),
        ({"key": music_pb2.Key(tonic=12, mode=music_pb2.MODE_MAJOR)}, "key.tonic"),
        ({"key": music_pb2.Key(tonic=1)}, "key.mode"),
        ({"time_signature": music_pb2.TimeSignature(numerator=0, denominator=4)}, "time_signature.numerator"),
        ({"style": "polka"}, "style"),
        ({"bars": 512}, "bars"),
    ],
)
def test_wishes_that_cannot_be_met(server, fields, field):
    code, _, found, _, text = failure(server.music.Generate, generate_pb2.GenerateRequest(**fields), timeout=30)
    assert code == "INVALID_ARGUMENT"
    assert field in found
    assert text


def test_one_bad_request_of_a_batch_fails_alone(server):
    request = recommend_pb2.RecommendRequest
    many = [request(listener_id=str(listener), count=3) for listener in range(2, 40)]
    bad = [request(listener_id="nobody at all"), request(listener_id="2", count=501), request(algorithm="none")]
    outcomes = server.music.BatchRecommend(recommend_pb2.BatchRecommendRequest(requests=[*bad, *many])).outcomes
    reasons = [errors_pb2.ErrorReason.Name(outcome.failure.reason) for outcome in outcomes[:3]]
    assert reasons == [f"ERROR_REASON_{name}" for name in ("NOT_FOUND", "INVALID_FIELD", "UNKNOWN_ALGORITHM")]
    assert outcomes[1].failure.violations[0].field == "count"
    known = [outcome.response for outcome in outcomes[3:] if outcome.HasField("response")]
    assert len(known) > 30
    assert all(len(answer.recommendations) == 3 and answer.lineage.algorithm for answer in known)
    alone = server.music.Recommend(many[0]).recommendations
    assert [track.track_id for track in outcomes[3].response.recommendations] == [track.track_id for track in alone]
    for wrong in ([], many * 6):
        code, _, fields, _, _ = failure(
            server.music.BatchRecommend, recommend_pb2.BatchRecommendRequest(requests=wrong)
        )
        assert (code, fields) == ("INVALID_ARGUMENT", ["requests"])


def test_recommendations_for_nobody(server):
    item = recommend_pb2.HistoryItem
    for request, code, field in (
        (recommend_pb2.RecommendRequest(), "INVALID_ARGUMENT", "listener_id"),
        (recommend_pb2.RecommendRequest(listener_id="nobody at all"), "NOT_FOUND", None),
        (recommend_pb2.RecommendRequest(listener_id="2", count=10**9), "INVALID_ARGUMENT", "count"),
        (recommend_pb2.RecommendRequest(listener_id="2", page_token="forged"), "INVALID_ARGUMENT", "page_token"),
        (
            recommend_pb2.RecommendRequest(history=[item(track_id="1", plays=float("nan"))]),
            "INVALID_ARGUMENT",
            "history[0].plays",
        ),
    ):
        found_code, _, fields, _, _ = failure(server.music.Recommend, request)
        assert found_code == code
        assert fields == [field] if field else not fields


ODD = {
    "one note": [("Piano", 0, False, [(0.0, 1.0, 60)])],
    "all at once": [("Piano", 0, False, [(0.0, 4.0, pitch) for pitch in range(21, 109)])],
    "one voice": [("Flute", 73, False, [(beat / 2, 0.5, 60 + (0, 2, 4, 5)[beat % 4]) for beat in range(32)])],
    "drums": [("Kit", 0, True, [(beat / 2, 0.1, (36, 42)[beat % 2]) for beat in range(32)])],
    "a long silence": [("Piano", 0, False, [(beat, 1.0, 60 + beat % 12) for beat in (*range(8), *range(200, 208))])],
    "fifteen tracks": [
        (str(n), n, n == 9, [(beat, 1.0, 40 + 2 * n) for beat in range(n % 3, 16, 3)]) for n in range(15)
    ],
}
TRANSFERS = {
    "style-seq": {"style": "rock"},
    "style-vae": {"attributes": music_pb2.Attributes(rhythmic_intensity=0.8)},
    "style-gan": {"style": "jazz"},
    "polish": {"polish": transfer_pb2.Polish()},
}


@pytest.mark.parametrize("algorithm", TRANSFERS)
@pytest.mark.parametrize("piece", ODD)
def test_odd_pieces_are_transferred(server, piece, algorithm):
    tracks = [
        music_pb2.Track(
            name=name,
            program=program,
            drums=drums,
            notes=[
                music_pb2.Note(start=start, duration=length, pitch=pitch, velocity=80) for start, length, pitch in rows
            ],
        )
        for name, program, drums, rows in ODD[piece]
    ]
    metres = [
        music_pb2.TimeSignatureChange(beat=beat, time_signature=music_pb2.TimeSignature(numerator=n, denominator=d))
        for beat, n, d in ((0, 3, 8), (6, 5, 4))
    ]
    score = music_pb2.Score(tracks=tracks, time_signatures=metres)
    request = transfer_pb2.TransferRequest(
        algorithm=algorithm, music=music_pb2.Music(score=score), seed=1, **TRANSFERS[algorithm]
    )
    if algorithm == "style-seq":
        request.options.update({"drafts": 1})
    call = server.music.TransferStream(transfer_pb2.TransferStreamRequest(request=request), timeout=60)
    *before, last = call
    fractions = [message.progress.fraction for message in before]
    assert fractions == sorted(fractions)
    assert all(message.progress.stage for message in before)
    assert last.complete.music.midi.startswith(b"MThd")
    assert last.complete.kept
    assert server.serving(algorithm)


def test_a_piece_too_long_to_polish(server):
    """Forty thousand notes and one."""
    music = music_pb2.Music(score=music_pb2.Score(tracks=tracks(1, 40_001)))
    _, reason, fields, _, _ = failure(
        server.music.Transfer, transfer_pb2.TransferRequest(music=music, polish=transfer_pb2.Polish())
    )
    assert (reason, fields) == ("INVALID_MUSIC", ["music"])


def test_it_still_serves(server):
    assert server.music.Analyze(analyze_pb2.AnalyzeRequest(music=music_pb2.Music(midi=CHORALE))).notes > 200
    assert server.serving("score")
    assert server.serving("polish")
