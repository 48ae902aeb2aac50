"""How well the polish restores pieces, beside doing nothing and beside the simplest quantiser.

Three protocols on pieces that nothing was trained or chosen on: every note jittered and some wrong (issue of accuracy),
a tenth of the notes spoiled in four ways (issue of restraint and completeness), and clean pieces (issue of restraint).
With the spoiled pieces: how much likelier they become, what rules are broken anew, and what Analyze still finds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

import numpy as np
from rich.console import Console
from rich.progress import track
from segue.music import Piece
from segue.music.issues import DETECTORS
from segue.music.reading import Reading
from segue.plugin_api.training import Report
from segue.plugins.polish import accept, harmony, plan
from segue.plugins.polish.changes import Change, apply
from segue.plugins.polish.corrupt import Corrupted, corrupt_all, corrupt_some
from segue.plugins.polish.lessons import found_among
from segue.plugins.polish.models import Models
from segue.plugins.polish.plan import Plan
from segue.plugins.polish.plugin import PolishOptions
from segue.v1 import analyze_pb2
from segue.v1 import music_pb2 as pb

ONSET: Final = 0.03
"""Beats within which an onset counts as right: 15 ms at 120."""
LENGTH: Final = 0.25
"""Beats within which a length counts as right."""
KINDS: Final = ("slip", "timing", "overlap", "missing")

Method = Callable[[Piece], list[Change]]


def measure(pieces: Mapping[str, Sequence[Piece]], models: Models, console: Console) -> list[Report]:
    """Measure on the pieces of each pack."""
    methods: dict[str, Method] = {
        "identity": _nothing,
        "nearest sixteenth and scale note": _nearest,
        "polish": partial(polish, models=models),
    }
    reports = []
    for name, found in pieces.items():
        for protocol, report in (("jittered", _jittered), ("spoiled", _spoiled), ("clean", _clean)):
            task = f"{name}, {protocol}"
            chosen = list(enumerate(found))
            rows = {
                label: report(
                    [(seed, piece, method) for seed, piece in track(chosen, f"{task}, {label}", console=console)],
                    models,
                )
                for label, method in methods.items()
            }
            reports.append(Report(f"{name}, {len(found)} held-out pieces; {_PROTOCOLS[protocol]}", rows))
    return reports


def polish(piece: Piece, models: Models) -> list[Change]:
    """Return the changes that a request without any wish gets."""
    *_, made = plan.steps(piece, models, PolishOptions.model_validate({}).model_dump(), 1.0)
    assert isinstance(made, Plan)
    return made.changes


_PROTOCOLS: Final = {
    "jittered": (
        "every onset moved by up to 40 % of a sixteenth, 5 % of the notes one or two semitones off; share of the "
        f"onsets right within {ONSET} beats; wrong notes righted and right ones wronged, as shares of the wrong notes"
    ),
    "spoiled": (
        "10 % of the notes spoiled, a quarter each: a slip of one or two semitones, an onset moved by up to half a "
        "sixteenth, an overlap or second strike, a chord tone left out; precision, recall and F1 of restoration; rules "
        "broken: places, in all pieces"
    ),
    "clean": "as they are; edits per 100 notes",
}

Cases = Sequence[tuple[int, Piece, Method]]


def _jittered(cases: Cases, models: Models) -> dict[str, float]:
    shares, counts = [], Counter[str]()
    for seed, piece, method in cases:
        spoiled = corrupt_all(piece, np.random.default_rng((seed, 1)))
        state = _State.of(spoiled, method(spoiled.piece))
        right = np.abs(state.start - spoiled.truth.start[spoiled.origin]) <= ONSET
        meant, was = spoiled.truth.pitch[spoiled.origin], spoiled.piece.pitch
        shares.append(float((right & state.kept).mean()))
        counts["wrong"] += int((was != meant).sum())
        counts["righted"] += int(((was != meant) & (state.pitch == meant) & state.kept).sum())
        counts["wronged"] += int(((was == meant) & ((state.pitch != meant) | ~state.kept)).sum())
    wrong = max(counts["wrong"], 1)
    return {
        "onsets restored": float(np.mean(shares)),
        "wrong notes righted": counts["righted"] / wrong,
        "right notes wronged": counts["wronged"] / wrong,
    }


def _spoiled(cases: Cases, models: Models) -> dict[str, float]:
    counts: Counter[tuple[str, str]] = Counter()
    told: list[list[float]] = []
    broken, issues = Counter[str](), Counter[str]()
    for seed, piece, method in cases:
        spoiled = corrupt_some(piece, np.random.default_rng((seed, 2)))
        changes = method(spoiled.piece)
        counts.update(_count(spoiled, changes))
        after = apply(spoiled.piece, changes)
        nats = [models.likelihood.surprise(heard) for heard in (spoiled.piece, after)]
        scores = [models.quality.score(h, n) for h, n in zip((spoiled.piece, after), nats, strict=True)]
        told.append([nats[1].mean - nats[0].mean, *scores])
        rules = accept.compared(spoiled.piece, changes)
        broken.update(before=len(rules.before), after=len(rules.after), new=len(rules.new))
        issues.update(before=_issues(spoiled.piece), after=_issues(after))
    total = Counter({part: sum(counts[kind, part] for kind in KINDS) for part in ("hit", "missed", "harm")})
    found = {kind: {part: counts[kind, part] for part in total} for kind in KINDS}
    nats_gained, before, now = np.mean(told, axis=0)
    return {
        "F1": _f1(total),
        "precision": total["hit"] / max(total["hit"] + total["harm"], 1),
        "recall": total["hit"] / max(total["hit"] + total["missed"], 1),
        **{f"F1 {kind}": _f1(parts) for kind, parts in found.items()},
        "change of the negative log-likelihood, nats per note": float(nats_gained),
        "rules broken before": broken["before"],
        "rules broken after": broken["after"],
        "rules broken anew": broken["new"],
        "issues of Analyze gone": 1 - issues["after"] / max(issues["before"], 1),
        "quality before": float(before),
        "quality after": float(now),
    }


_LOOKED_AT: Final = (
    analyze_pb2.ISSUE_KIND_TIMING,
    analyze_pb2.ISSUE_KIND_OUT_OF_KEY,
    analyze_pb2.ISSUE_KIND_OVERLAP,
    analyze_pb2.ISSUE_KIND_STUCK_NOTE,
    analyze_pb2.ISSUE_KIND_DUPLICATE,
    analyze_pb2.ISSUE_KIND_PARALLELS,
    analyze_pb2.ISSUE_KIND_VOICE_CROSSING,
)
"""What Analyze calls polishable, but for loudness, which pieces that were written down do not have."""


def _issues(piece: Piece) -> int:
    reading = Reading(piece)
    return sum(1 for kind in _LOOKED_AT for _ in DETECTORS[kind](reading))


def _clean(cases: Cases, models: Models) -> dict[str, float]:
    rates = []
    for _, piece, method in cases:
        kinds = Counter(change.kind for change in method(piece))
        rates.append([100 * count / len(piece) for count in (kinds.total(), *(kinds[kind] for kind in _EDITS))])
    mean = np.mean(rates, axis=0)
    return {
        "edits": float(mean[0]),
        "median": float(np.median([rate[0] for rate in rates])),
        **{name: float(value) for name, value in zip(_EDITS.values(), mean[1:], strict=True)},
    }


_EDITS: Final = {
    pb.EDIT_KIND_TIMING: "timing",
    pb.EDIT_KIND_DURATION: "length",
    pb.EDIT_KIND_PITCH: "pitch",
    pb.EDIT_KIND_INSERT: "insert",
    pb.EDIT_KIND_DELETE: "delete",
    pb.EDIT_KIND_VELOCITY: "velocity",
}


def _f1(counts: Mapping[str, int]) -> float:
    return 2 * counts["hit"] / max(2 * counts["hit"] + counts["missed"] + counts["harm"], 1)


@dataclass(frozen=True)
class _State:
    """The notes of a spoiled piece after changes, in their own order."""

    start: Any
    duration: Any
    pitch: Any
    kept: Any
    touched: Any

    @classmethod
    def of(cls, spoiled: Corrupted, changes: Sequence[Change]) -> _State:
        piece = spoiled.piece
        state = cls(
            piece.start.copy(),
            piece.duration.copy(),
            piece.pitch.copy(),
            np.ones(len(piece), bool),
            np.zeros(len(piece), bool),
        )
        for change in sorted(changes, key=lambda change: change.kind):
            if change.note < 0:
                continue
            state.touched[change.note] = True
            if change.kind == pb.EDIT_KIND_TIMING:
                state.start[change.note], state.duration[change.note] = change.start, change.duration
            elif change.kind == pb.EDIT_KIND_DURATION:
                state.duration[change.note] = change.duration
            elif change.kind == pb.EDIT_KIND_PITCH:
                state.pitch[change.note] = change.pitch
            elif change.kind == pb.EDIT_KIND_DELETE:
                state.kept[change.note] = False
        return state


def _count(spoiled: Corrupted, changes: Sequence[Change]) -> Counter[tuple[str, str]]:
    """Count by kind of error: hit (wrong before, right after), missed (wrong after), harm (an edit that made wrong)."""
    before, after = _State.of(spoiled, []), _State.of(spoiled, changes)
    real = spoiled.origin >= 0
    truth = spoiled.truth.select(np.maximum(spoiled.origin, 0))

    def wrong(state: _State) -> dict[str, Any]:
        over = state.start + state.duration > spoiled.limit + ONSET
        short = np.abs(state.duration - truth.duration) > LENGTH
        return {
            "slip": real & (state.pitch != truth.pitch),
            "timing": real & (np.abs(state.start - truth.start) > ONSET),
            "overlap": np.where(
                real,
                np.where(np.isfinite(spoiled.limit), over | (state.duration < truth.duration - LENGTH), short),
                state.kept,
            ),
        }

    counts: Counter[tuple[str, str]] = Counter()
    was, now = wrong(before), wrong(after)
    lost = real & ~after.kept
    for kind in was:
        counts[kind, "hit"] += int((was[kind] & ~now[kind] & ~lost).sum())
        counts[kind, "missed"] += int((was[kind] & (now[kind] | lost)).sum())
        counts[kind, "harm"] += int((~was[kind] & now[kind] & ~lost).sum())
    changed = {
        "slip": after.pitch != spoiled.piece.pitch,
        "timing": after.start != spoiled.piece.start,
        "overlap": after.duration != spoiled.piece.duration,
    }
    for kind, edited in changed.items():
        counts[kind, "harm"] += int((was[kind] & now[kind] & edited & ~lost).sum())
    counts["overlap", "harm"] += int(lost.sum())
    new = [change for change in changes if change.kind == pb.EDIT_KIND_INSERT]
    gone = spoiled.truth.select(spoiled.removed)
    columns = [np.array([getattr(change, name) for change in new]) for name in ("start", "pitch", "track")]
    good = (
        found_among(columns[0], columns[1].astype(np.int64), columns[2].astype(np.int64), gone) if new else np.zeros(0)
    )
    hits = min(int(good.sum()), len(gone))
    counts["missing", "hit"] += hits
    counts["missing", "missed"] += len(gone) - hits
    counts["missing", "harm"] += len(new) - hits
    return counts


def _nothing(piece: Piece) -> list[Change]:
    return []


def _nearest(piece: Piece) -> list[Change]:
    """Round every onset and length to the nearest sixteenth, and every note outside the key to the nearest inside."""
    local = harmony.read(piece)
    changes = []
    for note in range(len(piece)):
        plain = Change(
            pb.EDIT_KIND_TIMING,
            note,
            float(piece.start[note]),
            float(piece.duration[note]),
            int(piece.pitch[note]),
            int(piece.velocity[note]),
            int(piece.track[note]),
            "",
        )
        start, duration = round(plain.start * 4) / 4, max(round(plain.duration * 4) / 4, 0.25)
        if abs(start - plain.start) > 1e-6 or abs(duration - plain.duration) > 1e-6:
            changes.append(replace(plain, start=start, duration=duration))
        if local.outside[note]:
            step = next(step for step in (1, -1, 2, -2) if local.belongs(note, plain.pitch + step))
            changes.append(replace(plain, kind=pb.EDIT_KIND_PITCH, pitch=plain.pitch + step))
    return changes
