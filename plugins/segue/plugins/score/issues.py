"""What an editor would mend, as messages."""

from __future__ import annotations

from collections import defaultdict
from typing import Final

from segue.music import places
from segue.music.issues import DETECTORS, Finding
from segue.music.reading import Reading
from segue.v1 import analyze_pb2 as pb
from segue.v1 import music_pb2

POLISHABLE: Final = frozenset(
    {
        pb.ISSUE_KIND_TIMING,
        pb.ISSUE_KIND_OUT_OF_KEY,
        pb.ISSUE_KIND_OVERLAP,
        pb.ISSUE_KIND_STUCK_NOTE,
        pb.ISSUE_KIND_DUPLICATE,
        pb.ISSUE_KIND_PARALLELS,
        pb.ISSUE_KIND_VOICE_CROSSING,
        pb.ISSUE_KIND_UNPLAYABLE,
        pb.ISSUE_KIND_FLAT_DYNAMICS,
    }
)
"""Kinds of issue that the algorithm ``polish`` mends."""

OF_PLAYING: Final = frozenset(
    {
        pb.ISSUE_KIND_TIMING,
        pb.ISSUE_KIND_OVERLAP,
        pb.ISSUE_KIND_STUCK_NOTE,
        pb.ISSUE_KIND_DUPLICATE,
        pb.ISSUE_KIND_FLAT_DYNAMICS,
    }
)
"""Kinds of issue that what was written has not: its tuplets, pedal points and unisons of two voices are meant."""


def find_issues(reading: Reading, most: int) -> tuple[list[pb.Issue], list[music_pb2.Notice]]:
    """Run the detectors of ``segue.music.issues``; of notation, whose playing is not judged, some.

    Parameters
    ----------
    reading
        The piece.
    most
        How many issues of a kind are listed; a notice says how many more there are.

    Returns
    -------
    issues, notices
        In order of place.
    """
    listed: list[tuple[pb.IssueKind.ValueType, Finding]] = []
    left_out: dict[str, int] = defaultdict(int)
    for kind, detector in DETECTORS.items():
        if reading.written and kind in OF_PLAYING:
            continue
        for number, found in enumerate(detector(reading)):
            if number < most:
                listed.append((kind, found))
            else:
                left_out[pb.IssueKind.Name(kind).removeprefix("ISSUE_KIND_").lower()] += 1
    where = places(reading.piece, [(found.start, found.end, found.track) for _, found in listed])
    issues = [
        pb.Issue(
            kind=kind,
            place=place,
            severity=found.severity,
            text=found.text,
            suggestion=found.suggestion,
            polishable=found.polishable and kind in POLISHABLE,
        )
        for (kind, found), place in zip(listed, where, strict=True)
    ]
    issues.sort(key=lambda issue: (issue.place.span.start, issue.place.track, issue.kind))
    notices = [
        music_pb2.Notice(subject=f"issues {kind}", text=f"{count} more are not listed; max_issues is {most}.")
        for kind, count in left_out.items()
    ]
    return issues, notices
