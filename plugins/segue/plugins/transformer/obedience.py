"""How well composed pieces follow what is asked, measured by the analysis; real music's own row beside it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from scipy.stats import spearmanr
from segue.music import Piece, Tempo, TrackInfo, midi_to_piece
from segue.music.features import FEATURES, features
from segue.music.meter import find_meter
from segue.music.reading import Reading
from segue.plugin_api.python_model import Item
from segue.plugin_api.training import Report
from segue.plugins.score.emotion_train import emopia
from segue.plugins.score.linear import LinearClassifier, fit_linear
from segue.plugins.score.style import style_features
from segue.plugins.transformer.data import Song
from segue.plugins.transformer.elements import METRES, to_piece
from segue.plugins.transformer.likelihood import held_out_segments, pack_of
from segue.plugins.transformer.model import TransformerModel
from segue.plugins.transformer.plugin import TransformerOptions
from segue.v1 import generate_pb2, music_pb2

STYLES_FILE: Final = Path(__file__).parents[1] / "score" / "weights" / "score" / "1" / "styles.safetensors"
PIECES: Final = 200
"""Composed for each table, but a quarter of it for each pack in the one of what they are like."""
_AT_ONCE: Final = 32
_QUADRANTS: Final = (1, 2, 3, 4)


@dataclass(frozen=True)
class Composed:
    """A request and what came of it."""

    request: generate_pb2.GenerateRequest
    answer: generate_pb2.Piece
    piece: Piece


def measure_pieces(model: TransformerModel, songs: Sequence[Song], data: Path) -> list[Report]:
    """Measure composed pieces beside held-out ones."""
    wishes = measure_wishes(model, PIECES, songs)
    sliders = measure_sliders(model, PIECES, ("pop_piano",))
    reports = [wishes, sliders, measure_styles(model, PIECES, songs), measure_likeness(model, PIECES // 4, songs)]
    if (data / "emopia").is_dir():
        reports.append(measure_emotion(model, PIECES, data))
    return [*reports, measure_speed(model)]


def compose(
    model: TransformerModel, requests: Sequence[generate_pb2.GenerateRequest], options: Mapping[str, Any] | None = None
) -> list[Composed]:
    """Compose pieces, seeds 0 and up, side by side as the server does."""
    settings = TransformerOptions().model_dump() | dict(options or {})
    waiting = [(row, Item(request, settings, row)) for row, request in enumerate(requests)]
    live: list[tuple[int, Any]] = []
    found: dict[int, generate_pb2.Piece] = {}
    while waiting or live:
        while waiting and len(live) < _AT_ONCE:
            row, item = waiting.pop(0)
            live.append((row, model.start(item)))
        steps = model.step([session for _, session in live])
        for (row, _), step in zip(live, steps, strict=True):
            last = step.responses[-1] if step.done else None
            if isinstance(last, generate_pb2.GenerateStreamResponse):
                found[row] = last.complete.pieces[0]
        live = [entry for entry, step in zip(live, steps, strict=True) if not step.done]
    return [
        Composed(request, found[row], midi_to_piece(found[row].music.midi)[0]) for row, request in enumerate(requests)
    ]


def random_requests(styles: Sequence[str], number: int, seed: int = 0) -> list[generate_pb2.GenerateRequest]:
    """Draw requests that name style, key, tempo, metre and bars."""
    rng = np.random.default_rng(seed)
    metres = [(4, 4), (4, 4), (3, 4), (6, 8)]
    found = []
    for row in range(number):
        numerator, denominator = metres[row % len(metres)]
        found.append(
            generate_pb2.GenerateRequest(
                style=styles[row % len(styles)],
                key=music_pb2.Key(tonic=int(rng.integers(12)), mode=int(rng.integers(1, 3))),  # type: ignore[arg-type]
                tempo=float(rng.integers(60, 181)),
                time_signature=music_pb2.TimeSignature(numerator=numerator, denominator=denominator),
                bars=int(rng.integers(4, 17)),
            )
        )
    return found


def measure_wishes(model: TransformerModel, pieces: int, songs: Sequence[Song]) -> Report:
    """Measure key, tempo, bars and metre."""
    styles = sorted({song.style for song in songs})
    requests = random_requests(styles, pieces)
    composed = compose(model, requests)
    heard = [one for one in composed if (one.request.time_signature.denominator, len(one.piece) > 24) == (4, True)]
    right = [_heard_metre(one.piece) == one.request.time_signature.numerator for one in heard]
    real = [s for s in songs if s.metre < 2]
    real = [real[index] for index in np.unique(np.linspace(0, len(real) - 1, 100).astype(int))]
    rows = {
        "composed": {
            "key": float(np.mean([_key(one.piece) == _asked_key(one.request) for one in composed])),
            "notes moved into the key": float(np.mean([len(o.answer.edits) / max(len(o.piece), 1) for o in composed])),
            "tempo": float(
                np.mean([round(one.piece.tempos[0].quarters_per_minute, 2) == one.request.tempo for one in composed])
            ),
            "bars": float(np.mean([len(one.piece.bar_starts) == one.request.bars for one in composed])),
            "metre as read": float(np.mean([_read_metre(one) for one in composed])),
            "metre heard": float(np.mean(right)),
        },
        "real (held out)": {
            "metre heard": float(np.mean([_heard_metre(song_piece(s)) == METRES[s.metre].numerator for s in real])),
        },
    }
    protocol = (
        f"{pieces} pieces of 4-16 bars in all styles by turns, with random key, tempo and metre (4/4, 3/4, 6/8). "
        "Key by segue.music.keys; bars counted in the MIDI file; 'metre heard': 4/4 or 3/4 told from the accents alone "
        f"(segue.music.meter), on {len(right)} pieces of more than 24 notes, and on {len(real)} real ones."
    )
    return Report(protocol, rows)


def _key(piece: Piece) -> int:
    return Reading(piece).keys.best if len(piece.without_drums()) else -1


def _asked_key(request: generate_pb2.GenerateRequest) -> int:
    return request.key.tonic + 12 * (request.key.mode == music_pb2.MODE_MINOR)


def _read_metre(one: Composed) -> bool:
    meter, asked = Reading(one.piece).grid.meters[0], one.request.time_signature
    return (meter.numerator, meter.denominator) == (asked.numerator, asked.denominator)


def _heard_metre(piece: Piece) -> int:
    return find_meter(piece, np.arange(0, np.ceil(piece.beats) + 1))[0]


def song_piece(song: Song) -> Piece:
    """Return the first sixteen bars of a song as a piece."""
    tracks = tuple(TrackInfo("", p, d) for p, d in zip(song.programs, song.drums, strict=True))
    notes = song.notes.select(song.notes.bar < 16)
    return to_piece(notes, METRES[song.metre], tracks=tracks, tempos=(Tempo(0.0, song.tempo or 120.0),))


_SLIDERS: Final = {
    "rhythmic_intensity": "log_onsets_per_beat",
    "polyphony": "polyphony",
    "register": "pitch_mean",
    "loudness": "velocity_mean",
}


def measure_sliders(model: TransformerModel, pieces: int, styles: Sequence[str]) -> Report:
    """Measure the rank correlation of sliders with what the analysis finds."""
    rng = np.random.default_rng(2)
    values = rng.random((pieces, len(_SLIDERS)))
    rows: dict[str, dict[str, float]] = {}
    for style in styles:
        requests = [
            generate_pb2.GenerateRequest(
                bars=8, style=style, attributes=music_pb2.Attributes(**dict(zip(_SLIDERS, row, strict=True)))
            )
            for row in values.tolist()
        ]
        found = np.array([features(Reading(one.piece)) for one in compose(model, requests)])
        names = list(FEATURES)
        rows[f"composed, {style}"] = {
            slider: float(spearmanr(values[:, column], found[:, names.index(feature)])[0])
            for column, (slider, feature) in enumerate(_SLIDERS.items())
        }
    protocol = (
        f"{pieces} pieces of 8 bars a style, all four sliders drawn at random at once; Spearman's rank correlation "
        "with log_onsets_per_beat, polyphony, pitch_mean and velocity_mean of segue.music.features."
    )
    return Report(protocol, rows)


def measure_styles(model: TransformerModel, pieces: int, songs: Sequence[Song]) -> Report:
    """Measure how often the score's classifier hears the style that was asked for."""
    classifier = LinearClassifier.load(STYLES_FILE)
    labels = list(classifier.labels)
    requests = [generate_pb2.GenerateRequest(bars=12, style=labels[row % len(labels)]) for row in range(pieces)]
    right = [_style(classifier, one.piece) == one.request.style for one in compose(model, requests)]
    by_style = {s: float(np.mean([r for r, q in zip(right, requests, strict=True) if q.style == s])) for s in labels}
    real = [
        song for song in songs if song.style in labels and (not song.lead or song.style in ("chorale", "pop_piano"))
    ]
    real = [real[index] for index in np.unique(np.linspace(0, len(real) - 1, 180).astype(int))]
    heard = [_style(classifier, song_piece(song)) == song.style for song in real]
    protocol = (
        f"{pieces} pieces of 12 bars, {len(labels)} styles by turns; share whose style the classifier of 'score' "
        "names, which hears neither instruments, drums, tempo nor loudness; "
        f"real: {len(real)} held-out pieces of at most 16 bars."
    )
    rows = {"composed": {"all": float(np.mean(right)), **by_style}, "real (held out)": {"all": float(np.mean(heard))}}
    return Report(protocol, rows)


def _style(classifier: LinearClassifier, piece: Piece) -> str:
    if not len(piece.without_drums()):
        return ""
    return str(classifier.labels[int(classifier.probabilities(style_features(piece)).argmax())])


def measure_emotion(model: TransformerModel, pieces: int, data: Path) -> Report:
    """Measure how often a classifier of human labels hears the emotion that was asked for."""
    train, test = emopia(data, "train")[::2], emopia(data, "test")
    table = np.stack([features(Reading(clip.piece)) for clip in train])
    classifier = fit_linear(table, [str(clip.quadrant) for clip in train], 0.03)
    requests = [
        generate_pb2.GenerateRequest(bars=8, style="pop_piano", emotion=music_pb2.Emotion(quadrant=_QUADRANTS[row % 4]))  # type: ignore[arg-type]
        for row in range(pieces)
    ]
    composed = compose(model, requests)
    heard = [int(classifier.probabilities(features(Reading(one.piece))).argmax()) for one in composed]
    truth = [one.request.emotion.quadrant - 1 for one in composed]
    real = [int(classifier.probabilities(features(Reading(clip.piece))).argmax()) for clip in test]
    protocol = (
        f"{pieces} pieces of 8 bars in the style pop_piano, quadrants by turns, heard by logistic regression on the "
        f"documented features, fitted here on {len(train)} clips of EMOPIA (human labels, non-commercial, never used "
        f"in training); real: EMOPIA's own {len(test)} test clips."
    )
    rows = {"composed": _agreement(heard, truth), "real (held out)": _agreement(real, [clip.quadrant for clip in test])}
    return Report(protocol, rows)


def _agreement(heard: Sequence[int], truth: Sequence[int]) -> dict[str, float]:
    """Quadrants are 0 happy, 1 tense, 2 sad, 3 calm."""
    pairs = list(zip(heard, truth, strict=True))
    return {
        "quadrant": float(np.mean([a == b for a, b in pairs])),
        "arousal": float(np.mean([(a in (0, 1)) == (b in (0, 1)) for a, b in pairs])),
        "valence": float(np.mean([(a in (0, 3)) == (b in (0, 3)) for a, b in pairs])),
    }


_LIKE: Final = (
    "pitch_class_entropy", "in_scale", "log_onsets_per_beat", "polyphony", "groove_consistency", "pattern_variety",
    "melody_step", "dissonance", "chord_confidence",
)  # fmt: skip


def measure_likeness(model: TransformerModel, pieces: int, songs: Sequence[Song]) -> Report:
    """Compare composed pieces with held-out ones: figures of the analysis, and what they copy from melodies."""
    rows: dict[str, dict[str, float]] = {}
    packs = {pack: len(own) for pack, own in held_out_segments(songs).items()}
    human = float(np.quantile(model.melodies._human, 0.95))
    for pack in packs:
        own = [song for song in songs if pack_of(song) == pack]
        styles = sorted({song.style for song in own})
        requests = [generate_pb2.GenerateRequest(bars=16, style=styles[row % len(styles)]) for row in range(pieces)]
        composed = [one.piece for one in compose(model, requests)]
        real = [song_piece(own[index]) for index in np.unique(np.linspace(0, len(own) - 1, pieces).astype(int))]
        rows[f"composed, {pack}"] = _figures(composed, model, human)
        rows[f"real, {pack}"] = _figures(real, model, human)
    protocol = (
        f"{pieces} pieces of 16 bars a pack with the default options, and held-out pieces cut to 16 bars; medians of "
        "documented features. 'copied': mean share of notes in runs shared with a training melody; 'below bound': "
        f"share of pieces that copy no more than {human:.3f}, what 95 % of the training melodies copy from one another."
    )
    return Report(protocol, rows)


def _figures(pieces: Sequence[Piece], model: TransformerModel, human: float) -> dict[str, float]:
    pieces = [piece for piece in pieces if len(piece.without_drums())]
    found = np.median([features(Reading(piece)) for piece in pieces], axis=0)
    names = list(FEATURES)
    copied = np.array([model.melodies.compare(piece).copied_fraction for piece in pieces])
    return {
        **{name: float(found[names.index(name)]) for name in _LIKE},
        "copied": float(copied.mean()),
        "below bound": float((copied <= human).mean()),
    }


def measure_speed(model: TransformerModel) -> Report:
    """Measure notes a second, one piece after another and 16 together, and the cost of a step as a piece grows."""
    requests = [generate_pb2.GenerateRequest(bars=8, style="pop_piano") for _ in range(16)]
    settings = TransformerOptions().model_dump()
    rows: dict[str, dict[str, float]] = {}
    for name, together in (("one after another", 1), ("16 together", 16)):
        begun, notes = time.perf_counter(), 0
        first: list[float] = []
        for start in range(0, 16, together):
            at = time.perf_counter()
            live = [model.start(Item(requests[row], settings, row)) for row in range(start, start + together)]
            while live:
                steps = model.step(live)
                if len(first) <= start and any(step.responses for step in steps):
                    first.append(time.perf_counter() - at)
                notes += sum(s.now.state.composed for s, step in zip(live, steps, strict=True) if step.done)
                live = [session for session, step in zip(live, steps, strict=True) if not step.done]
        rows[name] = {"notes/s": notes / (time.perf_counter() - begun), "first bar s": float(np.median(first))}
    long = model.start(Item(generate_pb2.GenerateRequest(bars=64, style="pop_piano"), settings, 0))
    costs: list[float] = []
    while not long.now.state.done:
        at = time.perf_counter()
        model.step([long])
        costs.append(time.perf_counter() - at)
    quarter = len(costs) // 4
    rows["64 bars"] = {
        "first quarter ms/step": 1000 * float(np.median(costs[:quarter])),
        "last quarter ms/step": 1000 * float(np.median(costs[-quarter:])),
        "longest step ms": 1000 * max(costs[:-1]),
    }
    return Report(
        "In the model's process, one thread, pieces of 8 bars in the style pop_piano; four notes a step.", rows
    )
