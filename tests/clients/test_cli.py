"""The command line against a real server: tables for people, JSON for machines, files, and exit codes."""

import json
import os
import subprocess
import sys

import grpc
import pytest
from google.protobuf import json_format
from segue.client.cli import app
from segue.client.cli._analysis_facts import facts
from segue.v1 import analyze_pb2, generate_pb2, recommend_pb2
from segue.v1.music_pb2 import MODE_MAJOR, MODE_MINOR, Audio, Key, Music
from segue.v1.transfer_pb2 import TransferResponse, TransferStreamResponse
from typer.testing import CliRunner


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


def test_a_file_is_no_folder_to_save_in(segue, tmp_path):
    (tmp_path / "taken").write_text("mine")
    result = segue("generate", "--out", "taken", code=1)
    assert result.stderr == "error: --out: taken is a file; name a folder, or a file whose name ends with .mid\n"


def test_letters_that_the_terminal_has_not_are_no_failure():
    command = [sys.executable, "-c", "from segue.command import main; main()", "analyze", "漢字.xyz"]
    result = subprocess.run(
        command, env=os.environ | {"PYTHONIOENCODING": "ascii"}, capture_output=True, text=True, timeout=60
    )
    assert (result.returncode, result.stderr.split(" is not")[0]) == (1, "error: FILE: ??.xyz")


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
    violations = (
        ("given[0].music", "has four bars; leave out others[0]"),
        ("given[0].track", "is 9"),
        ("given[0].span.end", "is 1"),
    )
    fake.outcomes["GenerateStream"].append(
        fake.Failure(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_MUSIC", violations=violations)
    )
    result = segue("generate", "--infill", piece, "--track", "9", "--span", "0-1", code=1)
    assert result.stderr.splitlines() == [
        "error: --infill: has four bars; leave out others[0]",
        "error: --track (counted from 0 here): is 9",
        "error: --span: is 1",
    ]


def test_fields_that_a_reason_names_are_arguments_too(segue, fake, piece):
    violations = (
        ("given[1].music", "has 9 bars and given[0].music 4, both must have as many"),
        ("given[0].music", "has notes on 3 tracks; name the melody's by given[0].track."),
        ("options.temperature", "must be one of heat[0], heat[1]"),
    )
    fake.outcomes["GenerateStream"].append(
        fake.Failure(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_MUSIC", violations=violations)
    )
    result = segue("generate", "--melody", piece, "--reference", piece, code=1)
    assert result.stderr.splitlines() == [
        "error: --reference: has 9 bars and --melody 4, both must have as many",
        "error: --melody: has notes on 3 tracks; name the melody's by --track.",
        "error: --option temperature: must be one of heat[0], heat[1]",
    ]


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


def test_a_stream_that_ends_early_is_told(segue, fake, piece):
    fake.outcomes["TransferStream"].append([TransferStreamResponse(progress={"fraction": 0.1})])
    assert "ended the stream before the answer was complete" in segue("transfer", piece, "--polish", code=1).output


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


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("track_id\nt1", "error: FILE.csv: has no column listener_id"),
        ("listener_id,track_id,plays\na,t,many", "line 2: could not convert"),
        ("listener_id,track_id,time\na,t,yesterday", "line 2: Invalid isoformat"),
        ("listener_id,track_id,time\na,t," + 400 * "9", "line 2: timestamp out of range"),
        ("listener_id;track_id\na;t", "it has: listener_id;track_id"),
        ("listener_id,track_id\na,é", "not in UTF-8, soon after line 1"),
        ("listener_id,track_id\na," + 200_000 * "x", "after line 1: field larger than"),
        ('listener_id,track_id\na,"t\nb,t', "unexpected end of data"),
    ],
    ids=lambda text: text[:40],
)
def test_plays_import_names_the_line(segue, tmp_path, text, error):
    (tmp_path / "plays.csv").write_text(text, encoding="latin-1")
    assert error in segue("plays", "import", "plays.csv", code=1).stderr


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


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["generate", "--key", "H dur"], "error: --key: 'H dur' is not a key; write e.g. 'C major'"),
        (["generate", "--instrument", "xyz"], "error: --instrument: 'xyz' is no General MIDI instrument"),
        (["generate", "--melody", "none.mid"], "error: --melody: none.mid can't be read: No such file"),
        (["generate", "--track", "1"], "error: --track: needs exactly one of --opening, --melody"),
        (["generate", "--motif", "song.mid", "--span", "4"], "error: --span: '4' is not two beats such as 16-32"),
        (["generate", "--option", "hot"], "error: --option: 'hot' is not NAME=VALUE"),
        (["transfer", "none.mid", "--polish"], "error: FILE: none.mid can't be read: No such file"),
        (["transfer", "song.txt", "--polish"], "song.txt is not of a form that Segue reads: .mid"),
        (["analyze", "song.mid", "--aspect", "keey"], "error: --aspect: 'keey' is not one of tempo, meter, key"),
        (["admin", "traffic", "generate"], "error: ALGORITHM[=WEIGHT]...: name at least one"),
        (["plugins", "--address", "localhost"], "error: --address: 'localhost' names no port"),
        (["plays", "record", "alice", "t=often"], "'t=often' is not TRACK=TIMES"),
    ],
)
def test_mistakes_are_named_in_one_line(segue, piece, arguments, error):
    result = segue(*arguments, code=1)
    assert error in result.stderr
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""


def test_errors_of_the_server(segue, fake):
    violations = (("request.bars", "is 900, must be at most 512"), ("options.heat", "is unknown"))
    failure = fake.Failure(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD", violations=violations)
    fake.outcomes["GenerateStream"].append(failure)
    result = segue("generate", "--bars", "900", code=1)
    assert result.stderr.splitlines()[-2:] == [
        "error: --bars: is 900, must be at most 512",
        "error: --option heat: is unknown",
    ]
    fake.outcomes["Recommend"].append(fake.Failure(grpc.StatusCode.NOT_FOUND, "NOT_FOUND", "no listener 'x'"))
    error = json.loads(segue("recommend", "--listener", "x", "--json", code=1).stderr)["error"]
    assert (error["reason"], error["message"], error["call_id"]) == ("NOT_FOUND", "no listener 'x'", "c0ffee")


def test_a_file_of_certificates_is_named_by_its_option(segue):
    assert segue("plugins", "--ca", "none.pem", code=1).stderr.startswith("error: --ca: can't be read")


def test_nothing_answers(segue):
    result = segue("plugins", "--address", "127.0.0.1:1", "--timeout", "60", code=1)
    assert result.stderr == "error: nothing answers at 127.0.0.1:1; start it with 'segue serve'\n"


@pytest.mark.parametrize("arguments", [["generate", "--bars", "many"], ["nonsense"], ["transfer"], ["generate", "--x"]])
def test_wrong_usage_is_exit_code_2(segue, arguments):
    segue(*arguments, code=2)


def test_a_broken_disk_is_one_line(segue, tmp_path):
    (tmp_path / "taken").write_text("")
    result = segue("generate", "--out", "taken/x.mid", code=1)
    assert "error: taken: File exists" in result.stderr


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


def test_what_has_no_pitch_is_told_without_pitches():
    drums = analyze_pb2.TrackAnalysis(name="Kit", drums=True, notes=64)
    response = analyze_pb2.AnalyzeResponse(
        notes=64, melody=analyze_pb2.MelodyAnalysis(), pitch=analyze_pb2.PitchAnalysis(tracks=[drums])
    )
    response.style.SetInParent()
    told = dict(facts(response))
    assert (told["melody"], told["style"], told["track"]) == ("none", "none", "Kit (drums): 64 notes")
    assert not {"pitch", "texture", "pitch classes"} & set(told)


def test_a_church_mode_is_told_beside_the_key():
    dorian = Key(tonic=2, mode=MODE_MINOR)
    major = Key(tonic=0, mode=MODE_MAJOR)
    candidates = [
        analyze_pb2.KeyCandidate(key=dorian, probability=0.7, scale=analyze_pb2.SCALE_DORIAN),
        analyze_pb2.KeyCandidate(key=major, probability=0.25, scale=analyze_pb2.SCALE_MAJOR),
    ]
    key = analyze_pb2.KeyAnalysis(key=dorian, confidence=0.7, candidates=candidates)
    key.scale, key.scale_confidence = analyze_pb2.SCALE_DORIAN, 0.9
    told = dict(facts(analyze_pb2.AnalyzeResponse(key=key)))
    assert told["key"] == "D minor (70 % sure), else C major 25 %"
    assert told["mode"] == "Dorian (90 % sure in that key)"
    other = analyze_pb2.KeyAnalysis(key=major, confidence=0.6, candidates=candidates, scale=analyze_pb2.SCALE_MAJOR)
    told = dict(facts(analyze_pb2.AnalyzeResponse(key=other)))
    assert told["key"] == "C major (60 % sure), else D minor (Dorian) 70 %"
    assert "mode" not in told
