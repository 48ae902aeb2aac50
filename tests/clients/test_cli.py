"""The command line against a real server: tables for people, JSON for machines, and files."""

import json

import pytest
from google.protobuf import json_format
from segue.client.cli import app
from segue.v1 import generate_pb2, recommend_pb2
from segue.v1.music_pb2 import Audio, Music
from segue.v1.transfer_pb2 import TransferResponse, TransferStreamResponse


def test_recommend(segue, fake):
    result = segue(
        "recommend",
        "--listener",
        "alice",
        "--history",
        "a=b=3",
        "--history",
        "t2",
        "--option",
        "causes=7",
        "--like-artist",
        "Nina",
    )
    assert "Miles Davis - Blue in Green" in result.stdout
    assert "Because you play So What (60 %)." in result.stdout
    request = fake.calls("Recommend")[0].request
    assert {item.track_id: item.plays for item in request.history} == {"a=b": 3, "t2": 1}
    assert dict(request.options) == {"causes": 7}
    assert list(request.seed_artists) == ["Nina"]


def test_json_is_the_message_and_nothing_else(segue, fake):
    result = segue("recommend", "--like", "t1", "--json")
    response = json_format.Parse(result.stdout, recommend_pb2.RecommendResponse())
    assert response == fake.canned["Recommend"]
    assert "track_id" in result.stdout


def test_generate_streams_and_saves(segue, fake, tmp_path, midi):
    result = segue("generate", "a quiet evening", "--key", "G major", "--bars", "2", "--seed", "42")
    assert fake.calls("GenerateStream")
    assert not fake.calls("Generate")
    assert (tmp_path / "chorale-42.mid").read_bytes() == midi
    assert "saved chorale-42.mid" in result.stdout
    assert "G major" in result.stdout
    segue("generate", "--seed", "42")
    assert (tmp_path / "chorale-42-2.mid").exists()


def test_no_file_beside_the_result_is_overwritten(segue, tmp_path, midi):
    for taken in ("chorale-42.png", "chorale-42-2.wav"):
        (tmp_path / taken).write_text("mine")
    result = segue("generate", "--seed", "42", "--png", "--wav")
    assert "saved chorale-42-3.mid, chorale-42-3.png, chorale-42-3.wav" in result.stdout
    assert [(tmp_path / taken).read_text() for taken in ("chorale-42.png", "chorale-42-2.wav")] == ["mine", "mine"]


def test_generate_does_not_stream_where_it_can_not(segue, fake):
    fake.canned["ListAlgorithms"].algorithms[0].streams = False
    try:
        segue("generate")
    finally:
        fake.canned["ListAlgorithms"].algorithms[0].streams = True
    assert fake.calls("Generate")


def test_music_to_start_from(segue, fake, piece):
    segue("generate", "--infill", piece, "--track", "2", "--span", "4-8")
    (given,) = fake.calls("GenerateStream")[0].request.request.given
    assert (given.role, given.track, given.span.start, given.span.end) == (3, 1, 4, 8)


def test_several_pieces_go_into_a_folder(segue, fake, tmp_path):
    piece = fake.canned["Generate"].pieces[0]
    fake.outcomes["Generate"].append(generate_pb2.GenerateResponse(pieces=[piece, piece]))
    segue("generate", "--count", "2", "--out", "pieces.d")
    assert sorted(path.name for path in (tmp_path / "pieces.d").iterdir()) == ["piece-0-1.mid", "piece-0-2.mid"]


def test_words_are_shown_as_verse(segue, fake):
    piece = generate_pb2.Piece()
    piece.CopyFrom(fake.canned["Generate"].pieces[0])
    piece.verse = "The night is long\nand so my song"
    fake.outcomes["Generate"].append(generate_pb2.GenerateResponse(pieces=[piece]))
    result = segue("generate", "a lonely sea", "--algorithm", "lyrics", "--rhyme", "AA", "--count", "2")
    assert fake.calls("Generate")[0].request.lyrics.rhyme_scheme == "AA"
    lines = [line.strip() for line in result.stdout.splitlines()]
    assert lines.index("and so my song") == 1 + next(i for i, line in enumerate(lines) if "The night is long" in line)


def test_generate_json_saves_only_what_is_asked(segue, tmp_path):
    result = segue("generate", "--json")
    assert json_format.Parse(result.stdout, generate_pb2.GenerateResponse()).pieces
    assert not list(tmp_path.iterdir())
    result = segue("generate", "--json", "--out", "x.mid", "--png", "--notation")
    assert json.loads(result.stdout)["lineage"]["seed"] == 42
    assert "saved" in result.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"x.mid", "x.png", "x.svg"}


def test_transfer(segue, fake, piece, tmp_path):
    result = segue("transfer", piece, "--polish", "--png")
    assert "notes off the grid" in result.stdout
    assert "C#4 → D4, beat 1.1 → 1" in result.stdout
    assert {"song-polished.mid", "song-polished.png"} <= {path.name for path in tmp_path.iterdir()}
    segue("transfer", piece, "--polish", "--notation", "--out", "engraved.mid")
    assert "<svg" in (tmp_path / "engraved.svg").read_text()
    segue("transfer", piece, "--kinds", "timing,pitch", "--edits", "1,3", "--out", "new.mid")
    polish = fake.calls("TransferStream")[2].request.request.polish
    assert (list(polish.kinds), list(polish.edit_ids)) == ([1, 3], [1, 3])
    assert (tmp_path / "new.mid").exists()


def test_transfer_json_asks_for_the_answer_alone(segue, fake, piece):
    result = segue("transfer", piece, "--style", "jazz", "--json")
    assert json.loads(result.stdout)["kept"] == ["the melody"]
    assert fake.calls("Transfer")[0].request.style == "jazz"


def test_the_rarest_edits_are_shown_first(segue, fake, piece):
    response = TransferResponse()
    response.CopyFrom(fake.canned["Transfer"])
    wrong = response.edits.pop()
    for number in range(1, 101):
        response.edits.add(id=number, kind=1, place=wrong.place, before=wrong.before, after=wrong.after, reason="late")
    wrong.id = 101
    response.edits.append(wrong)
    fake.outcomes["TransferStream"] += [[TransferStreamResponse(complete=response)]] * 2
    shown = segue("transfer", piece, "--polish").stdout
    assert "slip" in shown
    assert "… 101 edits in all (100 timing, 1 pitch): --all lists them" in shown
    assert segue("transfer", piece, "--polish", "--all").stdout.count("late") == 100


def test_transfer_of_audio_is_saved_as_audio(segue, fake, tmp_path):
    (tmp_path / "a.wav").write_bytes(b"RIFF\x00\x00\x00\x00WAVEfmt ")
    response = TransferResponse(music=Music(audio=Audio(data=b"fLaC1234")))
    fake.outcomes["TransferStream"].append([TransferStreamResponse(complete=response)])
    segue("transfer", "a.wav", "--style", "jazz")
    assert (tmp_path / "a-jazz.flac").exists()


def test_analyze(segue, fake, piece, tmp_path):
    result = segue("analyze", piece, "--aspect", "key", "--png")
    assert "G major (90 % sure)" in result.stdout
    assert "late" in result.stdout
    assert list(fake.calls("Analyze")[0].request.aspects) == [3]
    assert (tmp_path / "song.png").exists()


def test_an_analysis_is_drawn_whole(segue, piece, tmp_path):
    result = segue("analyze", piece, "--picture", "new/all.svg")
    assert "new/all.svg" in result.stdout
    assert (tmp_path / "new" / "all.svg").read_text().startswith("<?xml")
    result = segue("analyze", piece, "--picture", "all.gif", code=1)
    assert "all.gif must end with .png or .svg" in result.stderr


def test_the_loudness_of_audio_is_told(segue, fake, tmp_path):
    (tmp_path / "a.wav").write_bytes(b"RIFF\x00\x00\x00\x00WAVEfmt ")
    response = type(fake.canned["Analyze"])(loudness={"integrated_lufs": -14.04, "peak_dbfs": -1})
    fake.outcomes["Analyze"].append(response)
    assert "-14.0 LUFS, peak -1.0 dB of full scale" in segue("analyze", "a.wav").stdout


def test_a_transcription_is_saved(segue, fake, tmp_path, score):
    (tmp_path / "a.wav").write_bytes(b"RIFF\x00\x00\x00\x00WAVEfmt ")
    fake.outcomes["Analyze"].append(type(fake.canned["Analyze"])(transcription=score))
    segue("analyze", "a.wav")
    assert (tmp_path / "a-transcription.mid").read_bytes().startswith(b"MThd")


def test_catalog(segue):
    assert "chorale (default)" in segue("algorithms").stdout
    described = segue("algorithms", "chorale").stdout
    for text in ("temperature", "number 0..2", "limit", "chorale-gru", "JSB test", "0.374"):
        assert text in described
    plugins = segue("plugins").stdout
    assert "quarantined" in plugins
    assert "ImportError: nope" in plugins
    assert json.loads(segue("plugins", "--json").stdout)["plugins"][1]["quarantined"] is True


def test_plays(segue, fake):
    assert "Recorded 2 plays." in segue("plays", "record", "alice", "t1", "t2=3").stdout
    assert [play.plays for play in fake.calls("RecordPlays")[0].request.plays] == [0, 3]
    listed = segue("plays", "list", "alice", "--count", "1").stdout
    assert "2023-11-14 22:13:20" in listed
    assert "--page next" in listed
    assert "Erased 3 plays." in segue("plays", "erase", "alice", "--yes").stdout
    segue("plays", "erase", "alice", input="n\n", code=1)
    assert len(fake.calls("EraseListener")) == 1


def test_plays_export_is_what_import_reads(segue, fake, tmp_path):
    assert "Exported 2 plays to alice.csv." in segue("plays", "export", "alice", "--out", "alice.csv").stdout
    segue("plays", "import", "alice.csv")
    exported = fake.canned["ExportListener"][0].plays[0]
    sent = fake.calls("StreamPlays")[0].request.plays[0]
    assert (sent.event_id, sent.listener_id, sent.track_id, sent.time) == ("e1", "alice", "t1", exported.time)
    assert json.loads(segue("plays", "export", "alice", "--out", "alice.csv", "--json").stdout)["exported"] == 2


def test_plays_import_is_repeatable(segue, fake, tmp_path):
    rows = [f"alice,t{i},2,2024-01-01T00:00:00" for i in range(1001)]
    (tmp_path / "plays.csv").write_text("\n".join(["listener_id,track_id,plays,time", *rows]))
    assert "Recorded 1,001 plays." in segue("plays", "import", "plays.csv").stdout
    segue("plays", "import", "plays.csv")
    first, rest, first_again, rest_again = (seen.request for seen in fake.calls("StreamPlays"))
    assert (len(first.plays), len(rest.plays)) == (1000, 1)
    assert (first, rest) == (first_again, rest_again)
    assert first.plays[0].time.seconds == 1704067200


def test_admin(segue, fake):
    for verb in ("load", "unload", "reload"):
        assert "chorale is ready" in segue("admin", verb, "chorale").stdout
    assert "version 1" in segue("admin", "promote", "chorale-gru", "--version", "1").stdout
    assert "version 1" in segue("admin", "roll-back", "chorale-gru").stdout
    assert "chorale 100 %" in segue("admin", "traffic").stdout
    segue("admin", "traffic", "generate", "chorale=9", "vae", "--shadow", "gan")
    traffic = fake.calls("SetTraffic")[0].request.traffic
    assert [share.weight for share in traffic.shares] == [9, 1]
    assert "2 calls are under way" in segue("admin", "drain").stdout


def test_version(segue):
    assert segue("--version").stdout.startswith("segue 0.")


def commands():
    """Yield the words that call each client command."""
    import typer

    group = typer.main.get_command(app)
    for name, command in group.commands.items():
        inner = getattr(command, "commands", None)
        yield from ([name, word] for word in inner) if inner else ([name],)


@pytest.mark.parametrize("words", list(commands()), ids=" ".join)
def test_every_command_explains_itself_with_an_example(segue, words):
    text = segue(*words, "--help").stdout
    assert f"Example: segue {' '.join(words)}" in text
    assert "--address" in text
    assert "--json" in text
