"""The suite's own parts: how answers are compared, what bounds an option, when memory grows."""

import sys
from subprocess import PIPE, Popen

import grpc
import pytest
from segue.conformance import Bounds, NotConforming, Result, Verdict
from segue.conformance.check import BrokenPromise, Check
from segue.conformance.checks.catalog import options_of
from segue.conformance.checks.leak import slope, written_bytes
from segue.conformance.checks.options import _extremes, _wrong_values
from segue.conformance.compare import difference
from segue.v1 import analyze_pb2, catalog_pb2


def answer(**fields):
    return analyze_pb2.AnalyzeResponse(**fields)


@pytest.mark.parametrize(
    ("left", "right", "path"),
    [
        ({"beats": 100.0}, {"beats": 100.05}, ""),
        ({"beats": 100.0}, {"beats": 101.0}, "beats (100.0 and 101.0)"),
        ({"beats": 1e-9}, {}, ""),
        ({"notes": 3}, {"notes": 4}, "notes (3 and 4)"),
        ({"chords": [{"symbol": "C:maj"}]}, {}, "chords"),
        ({"chords": [{"symbol": "C"}, {}]}, {"chords": [{"symbol": "C"}]}, "chords (2 and 1 elements)"),
        ({"chords": [{"symbol": "C"}]}, {"chords": [{"symbol": "D"}]}, "chords[0].symbol ('C' and 'D')"),
        ({"lineage": {"seed": 1}}, {"lineage": {"seed": 2}}, ""),
    ],
)
def test_answers_differ_where_they_differ(left, right, path):
    found = difference(answer(**left), answer(**right))
    assert found.startswith(path) if path else not found


def test_options_are_tried_at_and_beyond_their_bounds():
    entry = catalog_pb2.Algorithm()
    entry.options_schema.update(
        {
            "properties": {
                "depth": {"type": "number", "minimum": 0, "maximum": 2, "default": 1},
                "grid": {"$ref": "#/$defs/Grid", "default": "eighth"},
                "lines": {"type": "integer", "minimum": 1},
            },
            "$defs": {"Grid": {"enum": ["eighth", "triplet"], "type": "string"}},
        }
    )
    options = options_of(entry)
    assert {name: [value for value, _ in _wrong_values(option)][1:] for name, option in options.items()} == {
        "depth": [-1.0, 3.0],
        "grid": ["no such choice"],
        "lines": [0.0, 1.5],
    }
    assert list(_extremes(options)) == [
        ("depth", 0.0),
        ("depth", 2.0),
        ("grid", "eighth"),
        ("grid", "triplet"),
        ("lines", 1.0),
    ]


def test_one_leap_is_no_leak():
    calls = list(range(0, 1000, 100))
    assert slope(calls, [5e8] * 5 + [6e8] * 5) < 2e5
    assert slope(calls, [5e8 + 2e5 * call for call in calls]) == pytest.approx(2e5)
    assert slope([7], [1.0]) == 0


def test_memory_is_what_a_process_wrote_whoever_else_reads_its_files(tmp_path):
    (tmp_path / "file").write_bytes(bytes(20 << 20))
    opened = f"import mmap; file = open({str(tmp_path / 'file')!r}, 'rb')"
    reader = f"{opened}; pages = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ); pages.find(bytes([1]))"
    wait = "; print(flush=True); input(); wrote = bytes([1]) * (20 << 20); print(flush=True); input()"

    def start():
        return Popen([sys.executable, "-c", reader + wait], stdin=PIPE, stdout=PIPE)

    with start() as one:
        one.stdout.readline()
        alone = written_bytes(one.pid)
        with start() as other:
            other.stdout.readline()
            beside = written_bytes(one.pid)
            other.kill()
        one.stdin.write(b"\n")
        one.stdin.flush()
        one.stdout.readline()
        wrote = written_bytes(one.pid) - beside
        one.kill()
    assert abs(beside - alone) < 1 << 20
    assert 20 << 20 <= wrote < 22 << 20


class Quiet:
    bounds = Bounds()

    def recover(self):
        pass

    def forget_timing(self):
        pass


def test_a_machine_that_is_busy_for_a_moment_breaks_no_promise():
    answers = iter([BrokenPromise("late", "prompt"), "prompt"] + [BrokenPromise("late", "prompt")] * 2)

    def look(_):
        if isinstance(answer := next(answers), Exception):
            raise answer
        return answer

    check = Check("prompt", "it is prompt", look, times=2)
    assert check.run(Quiet()).verdict is Verdict.PASS
    assert check.run(Quiet()).verdict is Verdict.FAIL


def test_a_call_that_fails_where_it_must_not_is_a_broken_promise():
    with grpc.insecure_channel("127.0.0.1:1") as channel:
        call = channel.unary_unary("/nowhere")
        result = Check("lonely", "somebody answers", lambda _: call(b"", timeout=2)).run(Quiet())
    assert (result.verdict, result.right) == (Verdict.FAIL, "an answer")
    with pytest.raises(NotConforming, match="lonely: a call failed with UNAVAILABLE"):
        result.expect()


def test_what_passes_or_does_not_apply_is_expected():
    for verdict in (Verdict.PASS, Verdict.NOT_APPLICABLE):
        Result("any", "any", verdict, 0.0).expect()
