"""What goes wrong on the command line: one line that names the option at fault, and the exit code."""

import json
import os
import subprocess
import sys

import grpc
import pytest
from segue.v1.transfer_pb2 import TransferStreamResponse


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


@pytest.mark.parametrize("arguments", [["generate", "--bars", "many"], ["nonsense"], ["transfer"], ["generate", "--x"]])
def test_wrong_usage_is_exit_code_2(segue, arguments):
    segue(*arguments, code=2)


def test_a_file_is_no_folder_to_save_in(segue, tmp_path):
    (tmp_path / "taken").write_text("mine")
    result = segue("generate", "--out", "taken", code=1)
    assert result.stderr == "error: --out: taken is a file; name a folder, or a file whose name ends with .mid\n"


def test_a_broken_disk_is_one_line(segue, tmp_path):
    (tmp_path / "taken").write_text("")
    result = segue("generate", "--out", "taken/x.mid", code=1)
    assert "error: taken: File exists" in result.stderr


def test_letters_that_the_terminal_has_not_are_no_failure():
    command = [sys.executable, "-c", "from segue.command import main; main()", "analyze", "漢字.xyz"]
    result = subprocess.run(
        command, env=os.environ | {"PYTHONIOENCODING": "ascii"}, capture_output=True, text=True, timeout=60
    )
    assert (result.returncode, result.stderr.split(" is not")[0]) == (1, "error: FILE: ??.xyz")


def test_a_file_of_certificates_is_named_by_its_option(segue):
    assert segue("plugins", "--ca", "none.pem", code=1).stderr.startswith("error: --ca: can't be read")


def test_nothing_answers(segue):
    result = segue("plugins", "--address", "127.0.0.1:1", "--timeout", "60", code=1)
    assert result.stderr == "error: nothing answers at 127.0.0.1:1; start it with 'segue serve'\n"


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


def test_fields_of_the_music_given_are_named_by_its_options(segue, fake, piece):
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


def test_a_stream_that_ends_early_is_told(segue, fake, piece):
    fake.outcomes["TransferStream"].append([TransferStreamResponse(progress={"fraction": 0.1})])
    assert "ended the stream before the answer was complete" in segue("transfer", piece, "--polish", code=1).output


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
