"""MuseGAN's figures of composed phrases, beside those of real ones that were not learnt from.

References
----------
H.-W. Dong et al., "MuseGAN: Multi-track Sequential Generative Adversarial Networks for Symbolic Music Generation and
Accompaniment", AAAI 2018, section 6. C. Harte, M. Sandler and M. Gasser, "Detecting Harmonic Change in Musical Audio",
2006: the tonal distance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from segue.plugin_api.training import Report
from segue.plugins.gan.artifacts import Artifacts
from segue.plugins.gan.commission import Commission, read_request
from segue.plugins.gan.composer import Composer, Drawn
from segue.plugins.gan.data import POP, Phrases
from segue.plugins.gan.likeness import likeness
from segue.plugins.gan.plugin import GanOptions
from segue.plugins.gan.present import melody_of, to_piece
from segue.plugins.gan.roll import BARS, BASS, CHORDS, DRUMS, MELODY, PER_BEAT, SOUND, STEPS, TRACKS, to_notes, to_roll
from segue.v1 import generate_pb2, music_pb2

_EACH: Final = 24
"""Phrases of each style."""
_QUALIFIED: Final = 2
"""Sixteenths of the shortest note that is no fragment."""
_PAIRS: Final = ((BASS, CHORDS), (MELODY, CHORDS), (BASS, MELODY))


def reports(made: Artifacts, songs: Sequence[Phrases]) -> list[Report]:
    """Measure composed phrases, as many in each style, and real ones of the test part, as many in each style."""
    rng = np.random.default_rng(0)
    real: list[NDArray[np.bool_]] = []
    for style in made.styles:
        own = [song.rolls for song in songs if song.part == "test" and song.style == style]
        if own:
            rolls = np.concatenate(own)
            real += list(rolls[rng.permutation(len(rolls))[:_EACH]])
    requests = [generate_pb2.GenerateRequest(bars=BARS, style=style) for style in made.styles for _ in range(_EACH)]
    options = GanOptions().model_dump()
    commissions = [
        replace(read_request(request, options, seed, made.styles), whole=False) for seed, request in enumerate(requests)
    ]  # real phrases are of the middle of songs too
    drawn = _draw(made, commissions)
    finished = [to_piece(commission, piece) for commission, piece in zip(commissions, drawn, strict=True)]
    likes = [made.index.compare(melody_of(piece)) for piece, _ in finished]
    own_rows = {"composed": [to_roll(piece.notes) for piece in drawn], "real, test part": real}
    tracks = {
        name: {key: value for key, value in figures(rolls).items() if not key.startswith("TD")}
        for name, rolls in own_rows.items()
    }
    whole = {name: summary(rolls) for name, rolls in own_rows.items()}
    whole["composed"] |= {
        "changed afterwards": sum(len(edits) for _, edits in finished)
        / max(sum(len(piece.notes) for piece in drawn), 1),
        "copied": float(np.mean([like.copied_fraction for like in likes])),
        "above human 95 %": float(np.mean([like.human_percentile > 0.95 for like in likes])),
    }
    protocol = (
        f"{len(drawn)} composed phrases of four bars, {_EACH} of each of {len(made.styles)} styles, before finishing, "
        "without the tonic that a piece begins and ends on, "
        f"and {len(real)} real ones of the same styles from songs that were not learnt from (all styles but {POP} are "
        "synthetic arrangements). "
    )
    return [
        Report(
            protocol
            + "EB: share of empty bars; UPC: pitch classes in a bar that is not empty; QN: share of notes of at "
            "least an eighth, drums left out; TD: tonal distance of two tracks, mean over beats on which both sound; "
            "notes: onsets in a phrase; in scale: share in C major. After finishing: notes changed, as a share; "
            "copied: notes of the melody in runs of nine or more from one known melody; melodies that copy more than "
            "95 % of human ones do.",
            whole,
        ),
        Report(protocol + "The same by track: EB, UPC, QN, and notes in a phrase.", tracks),
        Report(
            f"{2 * _EACH} composed phrases of each style, all in C major, beside as many real ones of the test part, "
            "mean of the styles; below them real ones that were learnt from. 1-NN: how often the nearest neighbour of "
            "a phrase is of its own kind, .5 where nothing tells them apart; precision: the share that lies among the "
            "real ones; recall: the share of the real ones that lies among them.",
            _likenesses(made, songs),
        ),
    ]


def _draw(made: Artifacts, commissions: Sequence[Commission]) -> list[Drawn]:
    composer, drawn = Composer(made), list[Drawn]()
    for at in range(0, len(commissions), 16):
        drawn += composer.compose([(commission, 0, 0) for commission in commissions[at : at + 16]])
    return drawn


def _likenesses(made: Artifacts, songs: Sequence[Phrases]) -> dict[str, dict[str, float]]:
    """Measure how like real phrases of its style composed ones, and those that were learnt from, are."""
    rng = np.random.default_rng(1)
    c_major = music_pb2.Key(tonic=0, mode=music_pb2.MODE_MAJOR)
    found: dict[str, list[dict[str, float]]] = {"composed": [], "real, train part": []}
    for number, style in enumerate(made.styles):
        real, learnt = (
            [roll for song in songs if (song.part, song.style) == (part, style) for roll in song.rolls]
            for part in ("test", "train")
        )
        size = min(2 * _EACH, len(real), len(learnt))
        if not size:
            continue
        real, learnt = ([rolls[row] for row in rng.permutation(len(rolls))[:size]] for rolls in (real, learnt))
        request = generate_pb2.GenerateRequest(bars=BARS, style=style, key=c_major)
        seeds = [1000 * (1 + number) + row for row in range(size)]
        commissions = [
            replace(read_request(request, GanOptions().model_dump(), seed, made.styles), whole=False) for seed in seeds
        ]
        composed = [to_roll(piece.notes) for piece in _draw(made, commissions)]
        found["composed"].append(likeness(real, composed))
        found["real, train part"].append(likeness(real, learnt))
    return {
        name: {key: float(np.mean([row[key] for row in rows])) for key in rows[0]}
        for name, rows in found.items()
        if rows
    }


def summary(rolls: Sequence[NDArray[np.bool_]]) -> dict[str, float]:
    """Return the figures over all tracks."""
    by_track = figures(rolls)
    names = [kind.name for kind in TRACKS]
    pitched = [name for number, name in enumerate(names) if number != DRUMS]
    notes = [to_notes(roll) for roll in rolls]
    heard = np.concatenate([each[each[:, 0] != DRUMS] for each in notes])
    return {
        "EB": float(np.mean([by_track[f"EB {name}"] for name in names])),
        "UPC": float(np.mean([by_track[f"UPC {name}"] for name in pitched if f"UPC {name}" in by_track])),
        "QN": float((heard[:, 2] - heard[:, 1] >= _QUALIFIED).mean()) if len(heard) else 0.0,
        **{name: value for name, value in by_track.items() if name.startswith("TD")},
        "notes": float(np.mean([len(each) for each in notes])),
        "in scale": float(np.isin(heard[:, 3] % 12, (0, 2, 4, 5, 7, 9, 11)).mean()) if len(heard) else 0.0,
    }


def figures(rolls: Sequence[NDArray[np.bool_]]) -> dict[str, float]:
    """Return EB, UPC, QN and notes of each track, and TD of pairs of tracks."""
    found: dict[str, float] = {}
    notes = [to_notes(roll) for roll in rolls]
    for track, kind in enumerate(TRACKS):
        bars = np.concatenate([roll[track, ..., SOUND].reshape(BARS, -1, roll.shape[2]).any(1) for roll in rolls])
        found[f"EB {kind.name}"] = float((~bars.any(1)).mean())
        own = np.concatenate([each[each[:, 0] == track] for each in notes])
        if track != DRUMS and len(own):
            chroma = _fold(bars, kind.lowest)[bars.any(1)]
            found[f"UPC {kind.name}"] = float((chroma > 0).sum(1).mean())
            found[f"QN {kind.name}"] = float((own[:, 2] - own[:, 1] >= _QUALIFIED).mean())
        found[f"notes {kind.name}"] = len(own) / len(rolls)
    for one, other in _PAIRS:
        far = np.concatenate([_distances(roll, one, other) for roll in rolls])
        if len(far):
            found[f"TD {TRACKS[one].name}-{TRACKS[other].name}"] = float(far.mean())
    return found


def _fold(pitches: NDArray[np.bool_], lowest: int) -> NDArray[np.float64]:
    """Fold the last axis, pitches from ``lowest`` on, into twelve pitch classes."""
    by_class = pitches.reshape(*pitches.shape[:-1], -1, 12).sum(-2)
    return np.asarray(np.roll(by_class, lowest % 12, axis=-1), np.float64)


def _distances(roll: NDArray[np.bool_], one: int, other: int) -> NDArray[np.float64]:
    """Tonal distance on each beat on which both tracks sound."""
    centroids, sounds = [], []
    for track in (one, other):
        beats = roll[track, ..., SOUND].reshape(STEPS // PER_BEAT, PER_BEAT, -1)
        chroma = _fold(beats, TRACKS[track].lowest).sum(1)
        sounds.append(chroma.any(1))
        centroids.append(chroma / np.maximum(chroma.sum(1, keepdims=True), 1) @ _tonnetz())
    both = sounds[0] & sounds[1]
    return np.asarray(np.linalg.norm(centroids[0] - centroids[1], axis=1)[both])


def _tonnetz() -> NDArray[np.float64]:
    """Return where each pitch class lies on the circles of fifths, minor thirds and major thirds, shape (12, 6)."""
    classes = np.arange(12)
    turns = [(7 * np.pi / 6, 1.0), (3 * np.pi / 2, 1.0), (2 * np.pi / 3, 0.5)]
    return np.stack([r * f(classes * turn) for turn, r in turns for f in (np.sin, np.cos)], axis=1)
