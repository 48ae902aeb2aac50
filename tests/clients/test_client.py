"""Both clients: what is sent, and what comes back."""

import grpc
import pytest
from segue.client import InvalidField, InvalidMusic
from segue.v1.admin_pb2 import Traffic
from segue.v1.catalog_pb2 import CAPABILITY_GENERATE, Algorithm, Model, Plugin
from segue.v1.generate_pb2 import GIVEN_ROLE_MELODY
from segue.v1.listening_pb2 import Play
from segue.v1.music_pb2 import MODE_MINOR
from segue.v1.recommend_pb2 import RecommendRequest

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


async def test_plays_may_be_mappings(client, fake):
    await client.record_plays([{"listener_id": "bob", "track_id": "t1", "plays": 3}])
    (play,) = fake.calls("RecordPlays")[0].request.plays
    assert (play.listener_id, play.track_id, play.plays, len(play.event_id)) == ("bob", "t1", 3, 36)
    for wrong in ({"song": "t1"}, {"plays": "often"}, ("bob", "t1"), None):
        with pytest.raises(InvalidField, match=r"plays\[1\].*a mapping of .*track_id"):
            await client.record_plays([play, wrong])


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
    with pytest.raises(InvalidField, match="count: is 1000000000000, must be -2147483648 to 2147483647"):
        await client.recommend(count=10**12)
    with pytest.raises(InvalidField, match="seed: is -1, must be 0 to 4294967295"):
        await client.recommend(seed=-1)
    with pytest.raises(InvalidField, match=r"write \['jazz'\]"):
        await client.recommend(tags="jazz")
    with pytest.raises(InvalidField, match=r"options\.x"):
        await client.recommend(options={"x": {1, 2}})
    with pytest.raises(InvalidField, match="is not one of"):
        await client.analyze(b"MThd0123456789", aspects=["keey"])
    with pytest.raises(InvalidMusic, match="not MIDI"):
        await client.analyze(b"what is this")
    with pytest.raises(InvalidField, match="'loud' is no slider; the sliders are"):
        await client.generate(attributes={"loud": 1})
    with pytest.raises(InvalidField, match="loudness is 'much'; the sliders are"):
        await client.generate(attributes={"loudness": "much"})


async def test_messages_may_be_as_large_as_audio(client, fake):
    wav = b"RIFF\x00\x00\x00\x00WAVE" + bytes(20 << 20)
    await client.analyze(wav)
    assert len(fake.calls("Analyze")[0].request.music.audio.data) == len(wav)
