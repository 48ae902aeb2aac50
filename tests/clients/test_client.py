"""Both clients: what is sent, and what comes back."""

import asyncio
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
from segue.client import (
    AsyncClient,
    Client,
    ConnectionFailed,
    DeadlineExceeded,
    InternalError,
    InvalidField,
    InvalidMusic,
    InvalidOption,
    MessageTooLarge,
    Overloaded,
    RetryPolicy,
    Unavailable,
    Unsupported,
)
from segue.v1 import catalog_pb2_grpc
from segue.v1.admin_pb2 import Traffic
from segue.v1.catalog_pb2 import CAPABILITY_GENERATE, Algorithm, Model, Plugin
from segue.v1.generate_pb2 import GIVEN_ROLE_MELODY
from segue.v1.listening_pb2 import Play
from segue.v1.music_pb2 import MODE_MINOR, Music
from segue.v1.recommend_pb2 import RecommendRequest

HERE = Path(__file__).parent
BUSY = grpc.StatusCode.UNAVAILABLE


async def test_recommend_sends_what_is_given(client, fake):
    response = await client.recommend(
        listener_id="alice",
        history={"t1": 3},
        seed_tracks=["t2"],
        count=5,
        tags=["jazz"],
        exclude_known=False,
        options={"depth": 2, "mode": "x"},
        seed=0,
    )
    assert response.recommendations[0].title == "Blue in Green"
    request = fake.calls("Recommend")[0].request
    assert (request.listener_id, request.count, list(request.seed_tracks)) == ("alice", 5, ["t2"])
    assert (request.history[0].track_id, request.history[0].plays) == ("t1", 3)
    assert list(request.filter.tags) == ["jazz"]
    assert request.HasField("exclude_known")
    assert not request.exclude_known
    assert dict(request.options) == {"depth": 2, "mode": "x"}
    assert request.HasField("seed")
    assert request.request_id == ""


async def test_a_batch_gives_answers_and_errors_in_their_order(client, fake):
    message = RecommendRequest(listener_id="bob")
    answer, error = await client.batch_recommend([{"listener_id": "alice", "count": 501, "tags": ["jazz"]}, message])
    assert answer == fake.canned["Recommend"]
    assert isinstance(error, InvalidField)
    assert error.violations == [("count", "is 501")]
    first, second = fake.calls("BatchRecommend")[0].request.requests
    assert (first.count, list(first.filter.tags), second) == (501, ["jazz"], message)


async def test_an_export_gives_every_message(client):
    messages = [message async for message in client.export_listener("alice")]
    assert [play.track_id for message in messages for play in message.plays] == ["t1", "t1"]


async def test_absent_values_stay_absent(client, fake):
    await client.recommend(listener_id="alice")
    request = fake.calls("Recommend")[0].request
    names = {field.name for field, _ in request.ListFields()}
    assert names == {"listener_id"}
    assert not request.HasField("seed")


async def test_generate_reads_what_people_write(client, fake, midi):
    response = await client.generate(
        key="f# minor",
        time_signature="6/8",
        emotion="calm",
        instruments=["violin", 3],
        chords="C:maj | G:7",
        attributes={"register": 0.5, "emotion": "sad"},
        melody=midi,
        lyrics="la la",
        finish={"correct_pitch": True},
    )
    assert response.pieces[0].music.midi == midi
    request = fake.calls("Generate")[0].request
    assert (request.key.tonic, request.key.mode) == (6, MODE_MINOR)
    assert request.time_signature.numerator == 6
    assert list(request.instruments) == [40, 3]
    assert [chord.span.start for chord in request.chords] == [0, 4]
    assert request.given[0].role == GIVEN_ROLE_MELODY
    assert request.given[0].music.midi == midi
    assert request.lyrics.text == "la la"
    assert request.finish.correct_pitch
    assert request.attributes.register == 0.5


async def test_costly_calls_carry_an_id_so_that_a_retry_joins_the_first_attempt(client, fake, midi):
    fake.outcomes["Generate"].append(fake.Failure(BUSY))
    await client.generate()
    await client.generate()
    first, again, second = (seen.request.request_id for seen in fake.calls("Generate"))
    assert first == again
    assert first != second
    await client.transfer(midi, polish=True, request_id="mine")
    assert fake.calls("Transfer")[0].request.request_id == "mine"


async def test_transfer_and_analyze(client, fake, midi, tmp_path):
    (tmp_path / "a.mid").write_bytes(midi)
    response = await client.transfer(tmp_path / "a.mid", style="jazz", strength=0.0)
    assert response.kept == ["the melody"]
    request = fake.calls("Transfer")[0].request
    assert request.WhichOneof("target") == "style"
    assert request.HasField("strength")
    told = [message async for message in client.transfer_stream(midi, style="jazz", strength=0.5)]
    assert [message.WhichOneof("event") for message in told] == ["progress", "complete"]
    streamed = fake.calls("TransferStream")[0].request.request
    assert (streamed.style, streamed.strength, streamed.request_id) == ("jazz", 0.5, "")
    analysis = await client.analyze(midi, aspects=["key", "ASPECT_CHORDS"])
    assert analysis.key.confidence == pytest.approx(0.9)
    assert list(fake.calls("Analyze")[0].request.aspects) == [3, 4]


@pytest.mark.parametrize("targets", [{}, {"style": "jazz", "polish": True}])
async def test_transfer_needs_exactly_one_target(client, midi, targets):
    with pytest.raises(InvalidField, match="exactly one of style, example, attributes, polish"):
        await client.transfer(midi, **targets)


async def test_what_an_answer_wraps_is_returned(client):
    assert isinstance((await client.algorithms(capability="generate"))[0], Algorithm)
    assert isinstance(await client.algorithm("chorale"), Algorithm)
    assert isinstance((await client.plugins())[0], Plugin)
    for verb in ("load", "unload", "reload"):
        assert isinstance(await getattr(client, verb)("chorale"), Algorithm)
    assert isinstance(await client.promote("chorale-gru", version=2), Model)
    assert isinstance(await client.roll_back("chorale-gru"), Model)
    assert isinstance((await client.get_traffic())[0], Traffic)
    assert await client.drain() == 2
    assert await client.erase_listener("alice") == 3


async def test_set_traffic(client, fake):
    await client.set_traffic("generate", {"chorale": 9, "vae": 1}, shadow="gan")
    traffic = fake.calls("SetTraffic")[0].request.traffic
    assert traffic.capability == CAPABILITY_GENERATE
    assert {share.algorithm: share.weight for share in traffic.shares} == {"chorale": 9, "vae": 1}
    assert traffic.shadow == "gan"
    await client.set_traffic("generate", "vae")
    assert [s.algorithm for s in fake.calls("SetTraffic")[1].request.traffic.shares] == ["vae"]


async def test_plays_get_event_ids_that_a_retry_keeps(client, fake):
    fake.outcomes["RecordPlays"].append(fake.Failure(BUSY))
    play = Play(listener_id="alice", track_id="t1")
    answer = await client.record_plays([play, Play(listener_id="alice", track_id="t1", event_id="mine")])
    assert answer.recorded == 2
    first, again = (seen.request for seen in fake.calls("RecordPlays"))
    assert first == again
    assert first.plays[0].event_id
    assert first.plays[1].event_id == "mine"
    assert not play.event_id


async def test_stream_plays_answers_each_batch(client):
    batches = [[Play(listener_id="a", track_id=str(i), event_id=str(i)) for i in range(n)] for n in (2, 3)]
    answers = [answer.recorded async for answer in client.stream_plays(batches)]
    assert answers == [2, 3]


async def test_stream_plays_names_a_failure(client, fake):
    fake.outcomes["StreamPlays"].append(fake.Failure(BUSY, "DRAINING", retry_after=0.1))
    with pytest.raises(Unavailable):
        [answer async for answer in client.stream_plays([[Play()]])]
    assert len(fake.calls("StreamPlays")) == 1


async def test_list_plays(client):
    response = await client.list_plays("alice", page_size=1)
    assert response.next_page_token == "next"


async def test_the_token_travels_with_every_call(make_client, fake):
    client = make_client(token="secret")
    await client.plugins()
    [_ async for _ in client.generate_stream()]
    await client.close()
    assert all(seen.metadata["authorization"] == "Bearer secret" for seen in fake.seen)


async def test_values_that_do_not_fit_name_their_field(client):
    with pytest.raises(InvalidField) as caught:
        await client.recommend(count="many")
    assert caught.value.violations[0][0] == "count"
    with pytest.raises(InvalidField, match="count"):
        await client.recommend(count=10**12)
    with pytest.raises(InvalidField, match=r"write \['jazz'\]"):
        await client.recommend(tags="jazz")
    with pytest.raises(InvalidField, match=r"options\.x"):
        await client.recommend(options={"x": {1, 2}})
    with pytest.raises(InvalidField, match="is not one of"):
        await client.analyze(b"MThd0123456789", aspects=["keey"])
    with pytest.raises(InvalidMusic, match="not MIDI"):
        await client.analyze(b"what is this")
    with pytest.raises(InvalidField, match="sliders are"):
        await client.generate(attributes={"loud": 1})


async def test_errors_are_named_with_their_fields(client, fake):
    violations = (("bars", "is 900, must be at most 512"), ("options.x", "is unknown"))
    fake.outcomes["Generate"].append(
        fake.Failure(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_OPTION", violations=violations)
    )
    with pytest.raises(InvalidOption) as caught:
        await client.generate(bars=900)
    assert caught.value.violations == list(violations)
    assert caught.value.call_id == "c0ffee"
    assert caught.value.retry_after is None
    assert isinstance(caught.value.__cause__, grpc.RpcError)


async def test_unavailable_is_tried_again_after_what_the_server_asks(client, fake):
    fake.outcomes["Recommend"] += [fake.Failure(BUSY, "ALGORITHM_UNAVAILABLE", retry_after=0.15)] * 2
    started = time.monotonic()
    await client.recommend(listener_id="a")
    assert time.monotonic() - started > 0.3
    assert len(fake.calls("Recommend")) == 3


async def test_overload_is_tried_again(client, fake):
    fake.outcomes["Recommend"].append(fake.Failure(grpc.StatusCode.RESOURCE_EXHAUSTED, "OVERLOADED", retry_after=0.01))
    await client.recommend(listener_id="a")
    assert len(fake.calls("Recommend")) == 2


async def test_retries_end(make_client, fake):
    fake.outcomes["Recommend"] += [fake.Failure(BUSY, "DRAINING", retry_after=0.01)] * 9
    client = make_client(retry=RetryPolicy(attempts=3, first_pause_seconds=0.001))
    with pytest.raises(Unavailable) as caught:
        await client.recommend(listener_id="a")
    assert caught.value.reason == "DRAINING"
    assert caught.value.retry_after == pytest.approx(0.01)
    assert len(fake.calls("Recommend")) == 3
    await client.close()


async def test_a_pause_that_outlives_the_deadline_is_not_made(client, fake):
    fake.outcomes["Recommend"] += [fake.Failure(BUSY, "ALGORITHM_UNAVAILABLE", retry_after=30)] * 2
    started = time.monotonic()
    with pytest.raises(Unavailable):
        await client.recommend(listener_id="a", timeout=1)
    assert time.monotonic() - started < 0.9
    assert len(fake.calls("Recommend")) == 1


@pytest.mark.parametrize("code", ["INVALID_ARGUMENT", "INTERNAL", "DEADLINE_EXCEEDED", "ABORTED", "UNIMPLEMENTED"])
async def test_other_failures_are_final(client, fake, code):
    fake.outcomes["Recommend"] += [fake.Failure(grpc.StatusCode[code])] * 2
    with pytest.raises(Exception, match=r"failed|answer|offer"):
        await client.recommend(listener_id="a")
    assert len(fake.calls("Recommend")) == 1


async def test_rolling_back_is_never_tried_twice(client, fake):
    fake.outcomes["RollBackModel"].append(fake.Failure(BUSY, "DRAINING", retry_after=0.01))
    with pytest.raises(Unavailable):
        await client.roll_back("chorale-gru")
    assert len(fake.calls("RollBackModel")) == 1


async def test_the_timeout_is_told_and_kept(make_client, fake, midi):
    fake.outcomes["Analyze"].append(lambda request, context: time.sleep(0.6) or fake.canned["Analyze"])
    client = make_client(timeout=7)
    started = time.monotonic()
    with pytest.raises(DeadlineExceeded, match=r"within 0\.3 s"):
        await client.analyze(midi, timeout=0.3)
    assert time.monotonic() - started < 0.55
    await client.plugins()
    assert 6 < fake.calls("ListPlugins")[0].seconds < 7.5
    with pytest.raises(InvalidField, match="leaves no time"):
        await client.plugins(timeout=0)
    await client.close()


async def test_a_stream_gives_bars_and_then_the_piece(client, fake):
    messages = [message async for message in client.generate_stream(bars=2, seed=1)]
    assert [message.WhichOneof("event") for message in messages] == ["bar", "bar", "complete"]
    assert fake.calls("GenerateStream")[0].request.request.bars == 2


async def test_a_stream_is_tried_again_until_it_has_begun(client, fake):
    bar = fake.canned["GenerateStream"][0]
    fake.outcomes["GenerateStream"] += [
        fake.Failure(BUSY, "DRAINING", retry_after=0.01),
        [bar, fake.Failure(BUSY, "MODEL_SERVER_UNAVAILABLE", retry_after=0.01)],
    ]
    stream = aiter(client.generate_stream())
    assert (await anext(stream)).HasField("bar")
    with pytest.raises(Unavailable):
        await anext(stream)
    assert len(fake.calls("GenerateStream")) == 2


async def test_closing_a_stream_cancels_the_call(address, fake):
    bar = fake.canned["GenerateStream"][0]
    fake.outcomes["GenerateStream"].append([bar, 10.0, bar])
    with Client(address) as client:
        stream = client.generate_stream()
        next(stream)
        stream.close()
        assert fake.cancelled.wait(2)


async def test_cancelling_a_task_cancels_the_call(address, fake):
    bar = fake.canned["GenerateStream"][0]
    fake.outcomes["GenerateStream"].append([bar, 10.0, bar])

    async def listen(client):
        async for _ in client.generate_stream():
            pass

    async with AsyncClient(address) as client:
        task = asyncio.create_task(listen(client))
        await asyncio.to_thread(fake.begun.wait, 5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await asyncio.to_thread(fake.cancelled.wait, 2)


async def test_messages_may_be_as_large_as_audio(client, fake):
    wav = b"RIFF\x00\x00\x00\x00WAVE" + bytes(20 << 20)
    await client.analyze(wav)
    assert len(fake.calls("Analyze")[0].request.music.audio.data) == len(wav)


async def test_a_message_that_grpc_refuses_is_told_from_a_quota(client):
    with pytest.raises(MessageTooLarge):
        await client.analyze(Music(midi=bytes(65 << 20)))


async def test_nothing_at_the_address(unused_address):
    with (
        Client(unused_address, retry=RetryPolicy(attempts=2, first_pause_seconds=0.01)) as client,
        pytest.raises(ConnectionFailed, match=f"nothing answers at {unused_address}"),
    ):
        client.plugins()


async def test_a_retry_meets_a_server_that_has_just_come_up(unused_address, server):
    """The channel's own back-off must not outlast the retries."""
    with Client(unused_address, retry=RetryPolicy(attempts=8)) as client:
        with pytest.raises(ConnectionFailed):
            client.plugins(timeout=0.3)
        late = grpc.server(ThreadPoolExecutor(1))
        catalog_pb2_grpc.add_CatalogServiceServicer_to_server(server[0], late)
        late.add_insecure_port(unused_address)
        late.start()
        try:
            assert client.plugins(timeout=5)
        finally:
            late.stop(0).wait()


@pytest.fixture
def unused_address():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{free.getsockname()[1]}"


@pytest.mark.parametrize(
    ("address", "right"), [("http://localhost:8700", "is a URL"), ("localhost", "names no port"), ("", "names no port")]
)
def test_addresses_are_checked(address, right):
    with pytest.raises(InvalidField, match=right):
        Client(address)


def test_certificates_that_cannot_be_read_are_named(tmp_path):
    with pytest.raises(InvalidField, match="root_certificates"):
        Client("a:1", root_certificates=tmp_path / "none.pem")


def test_plaintext_server_is_told_from_tls(address):
    with (
        Client(address, secure=True, retry=RetryPolicy(attempts=1)) as client,
        pytest.raises(ConnectionFailed, match="TLS handshake"),
    ):
        client.plugins(timeout=5)


@pytest.fixture
def tls_address(server):
    """The fake behind TLS, with a certificate of its own."""
    key, certificate = ((HERE / f"localhost-{part}.pem").read_bytes() for part in ("key", "certificate"))
    served = grpc.server(ThreadPoolExecutor(2))
    catalog_pb2_grpc.add_CatalogServiceServicer_to_server(server[0], served)
    port = served.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([(key, certificate)]))
    served.start()
    yield f"127.0.0.1:{port}"
    served.stop(0).wait()


@pytest.mark.parametrize("kind", [Client, AsyncClient])
async def test_tls(tls_address, kind):
    certificate = HERE / "localhost-certificate.pem"
    for settings in (
        {"root_certificates": certificate},
        {"root_certificates": certificate.read_bytes()},
        {"credentials": grpc.ssl_channel_credentials(certificate.read_bytes())},
    ):
        client = kind(tls_address, **settings)
        plugins = client.plugins()
        assert await plugins if kind is AsyncClient else plugins
        if kind is AsyncClient:
            await client.close()
        else:
            client.close()


@pytest.mark.parametrize(("settings", "error"), [({"secure": True}, "TLS handshake"), ({}, "must use TLS too")])
def test_a_tls_server_says_what_it_needs(tls_address, settings, error):
    with (
        Client(tls_address, retry=RetryPolicy(attempts=1), **settings) as client,
        pytest.raises(ConnectionFailed, match=error),
    ):
        client.plugins(timeout=5)


def test_a_channel_can_be_passed_in_and_stays_open(address, fake):
    with grpc.insecure_channel(address) as channel:
        with Client(channel=channel) as client:
            client.plugins()
        with Client(channel=channel) as client:
            client.plugins()


async def test_statuses_without_a_reason(client, fake):
    for code, kind in (("UNKNOWN", InternalError), ("RESOURCE_EXHAUSTED", Overloaded), ("UNIMPLEMENTED", Unsupported)):
        fake.outcomes["Drain"].extend([fake.Failure(grpc.StatusCode[code])] * 5)
        with pytest.raises(kind):
            await client.drain()
        fake.outcomes["Drain"].clear()
