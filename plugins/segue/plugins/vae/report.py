"""What the networks are worth on held-out melodies: reconstruction, interpolation, sliders, and new pieces."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import spearmanr
from segue.plugin_api.training import Report
from segue.plugins.vae.artifacts import Artifacts
from segue.plugins.vae.attributes import NAMES, measure
from segue.plugins.vae.commission import read_request
from segue.plugins.vae.composer import Composer, Draft, slerp
from segue.plugins.vae.data import Melody
from segue.plugins.vae.form import recurrence
from segue.plugins.vae.network import SEGMENTS
from segue.plugins.vae.plugin import VaeOptions
from segue.plugins.vae.present import to_piece
from segue.plugins.vae.tokens import BAR, EVENTS, HOLD, STRIKE, WINDOW, to_events, to_notes
from segue.v1 import generate_pb2, music_pb2

_PAIRS: Final = 256
_SHARES: Final = np.linspace(0, 1, 5)
_PIECES: Final = 200
_HOME: Final = (0, 2, 4, 5, 7, 9, 11)


def reports(made: Artifacts, melodies: Sequence[Melody]) -> list[Report]:
    """Measure a trained version on the test part."""
    test = [melody for melody in melodies if melody.part == "test"]
    composer = Composer(made)
    return [
        _reconstruction(composer, made, test),
        _interpolation(composer, test, [melody for melody in melodies if melody.part == "train"]),
        _sliders(composer),
        _samples(composer, made, test),
    ]


def _windows(melodies: Sequence[Melody], bars: int, step: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    found = [melody.windows(bars, step) for melody in melodies]
    return np.concatenate(found), np.repeat([melody.minor for melody in melodies], [len(x) for x in found])


def _accuracy(found: NDArray[np.int64], real: NDArray[np.int64]) -> dict[str, float]:
    """Share of events that are right, of all and of those that strike a note."""
    struck = real >= STRIKE
    return {"events": float((found == real).mean()), "notes": float((found == real)[struck].mean())}


def _reconstruction(composer: Composer, made: Artifacts, test: Sequence[Melody]) -> Report:
    windows, minor = _windows(test, 2, 2)
    rng = np.random.default_rng(0)
    z = composer.encode(windows, minor)
    draws = rng.random(windows.shape)
    rows = {}
    for heat in (1.0, 0.5, 0.0):
        found, _ = composer.write(z, minor, draws, np.full(len(z), heat))
        rows[f"two bars, temperature {heat:g}"] = _accuracy(found, windows)
    x, m = torch.from_numpy(windows), torch.from_numpy(minor.astype(np.int64))
    with torch.no_grad():
        known = made.short(torch.from_numpy(z).float(), x, m).argmax(-1).numpy()
    rows["two bars, the events before known"] = _accuracy(known, windows)
    long, long_minor = _windows(test, 2 * SEGMENTS, 4)
    parts = composer.encode(long.reshape(-1, WINDOW), long_minor.repeat(SEGMENTS))
    with torch.no_grad():
        whole = made.long.encode(torch.from_numpy(parts).float().view(len(long), SEGMENTS, -1))[0]
        plan = made.long(whole, torch.from_numpy(long_minor.astype(np.int64))).double().numpy()
    draws = rng.random((len(long) * SEGMENTS, WINDOW))
    found, _ = composer.write(
        plan.reshape(len(draws), -1), long_minor.repeat(SEGMENTS), draws, np.full(len(draws), 0.5)
    )
    rows["sixteen bars, temperature 0.5"] = _accuracy(found, long.reshape(-1, WINDOW))
    rows["nothing but HOLD"] = _accuracy(np.full_like(windows, HOLD), windows)
    return Report(
        f"Reconstruction of {len(windows)} windows of two bars and {len(long)} of sixteen from {len(test)} songs that "
        "were not learnt from: encoded to the mean, decoded event by event from its own events. Share of events that "
        "are right, and of those that strike a note.",
        rows,
    )


def _interpolation(composer: Composer, test: Sequence[Melody], train: Sequence[Melody]) -> Report:
    """Measure paths between melodies as the MusicVAE paper does (section 5.2, figure 5)."""
    windows, minor = _windows(test, 2, 2)
    rng = np.random.default_rng(1)
    rows = rng.permutation(len(windows))[: 2 * min(_PAIRS, len(windows) // 2)]
    first, second = np.split(rows, 2)
    a, b = windows[first], windows[second]
    z = composer.encode(windows, minor)
    draws = rng.random(a.shape)
    model = _Trigrams(_windows(train, 2, 2)[0])
    paths: dict[str, list[NDArray[np.int64]]] = {"latent space": [], "data space": []}
    choose = rng.random(a.shape)
    for share in _SHARES:
        way = slerp(z[first], z[second], share)
        paths["latent space"].append(composer.write(way, minor[first], draws, np.zeros(len(a)))[0])
        paths["data space"].append(np.where(choose < share, b, a))
    table = {}
    for name, path in paths.items():
        far = [_hamming(path[0], each) for each in path]
        of_end = far[-1]
        row = {f"hamming {share:g}": float(h / of_end) for share, h in zip(_SHARES, far, strict=True)}
        row["largest step"] = float(np.diff(far).max() / of_end)
        row["nats/event at 0.5"] = model.nats(path[2])
        row["nats/event at ends"] = (model.nats(path[0]) + model.nats(path[-1])) / 2
        table[name] = row
    return Report(
        f"Paths between {len(a)} pairs of held-out two-bar melodies: Hamming distance from the start, as a share of "
        "that of the end; its largest step of four (a straight line's is .25); and the nats per event of a trigram "
        "model of the training melodies half way and at the ends. Data space: each event is of one end or the other.",
        table,
    )


def _hamming(a: NDArray[np.int64], b: NDArray[np.int64]) -> float:
    return float((a != b).mean())


class _Trigrams:
    """Events given the two before, smoothed by bigrams and unigrams (Witten-Bell)."""

    def __init__(self, windows: NDArray[np.int64]) -> None:
        context = self._contexts(windows)
        self.tables = [self._count(c, windows) for c in context]

    def _contexts(self, windows: NDArray[np.int64]) -> list[NDArray[np.int64]]:
        one = np.pad(windows[:, :-1], ((0, 0), (1, 0)), constant_values=EVENTS)
        two = np.pad(windows[:, :-2], ((0, 0), (2, 0)), constant_values=EVENTS)
        return [np.zeros_like(windows), one, two * (EVENTS + 1) + one]

    def _count(self, context: NDArray[np.int64], windows: NDArray[np.int64]) -> NDArray[np.float64]:
        table = np.zeros(
            (int(context.max()) + 1 if context.max() == 0 else (EVENTS + 1) ** (1 + (context.max() > EVENTS)), EVENTS)
        )
        np.add.at(table, (context.reshape(-1), windows.reshape(-1)), 1)
        return table

    def nats(self, windows: NDArray[np.int64]) -> float:
        """Mean nats of an event."""
        share = np.full(windows.shape, 1 / EVENTS)
        for context, table in zip(self._contexts(windows), self.tables, strict=True):
            seen = table[context, windows]
            total, kinds = table.sum(1)[context], (table > 0).sum(1)[context]
            share = np.where(total > 0, (seen + kinds * share) / np.maximum(total + kinds, 1), share)
        return float(-np.log(share).mean())


def _compose(
    composer: Composer, requests: Sequence[generate_pb2.GenerateRequest], options: Sequence[dict[str, Any]]
) -> Any:
    """Compose as the service does; returns commissions, drafts and finished pieces."""
    commissions = [
        read_request(request, VaeOptions(**given).model_dump(), seed)
        for seed, (request, given) in enumerate(zip(requests, options, strict=True))
    ]
    drafts: list[Draft] = []
    for at in range(0, len(commissions), 16):
        drafts += composer.compose([(commission, 0, 0) for commission in commissions[at : at + 16]])
    return drafts, [to_piece(c, d)[0] for c, d in zip(commissions, drafts, strict=True)]


def _events(piece: Any, bars: int) -> NDArray[np.int64]:
    begin, end = (np.rint(beats * 4).astype(np.int64) for beats in (piece.start, piece.end))
    return to_events(begin, end, piece.pitch, bars * BAR)


def _sliders(composer: Composer) -> Report:
    rng = np.random.default_rng(2)
    table = {}
    for row, name in enumerate(NAMES):
        places = rng.random(_PIECES)
        if name in ("density", "register"):
            field = "rhythmic_intensity" if name == "density" else "register"
            requests = [
                generate_pb2.GenerateRequest(bars=8, attributes=music_pb2.Attributes(**{field: place}))
                for place in places
            ]
            options: list[dict[str, Any]] = [{} for _ in places]
        else:
            requests = [generate_pb2.GenerateRequest(bars=8) for _ in places]
            options = [{name: place} for place in places]
        _, pieces = _compose(composer, requests, options)
        found = np.stack([measure(_events(piece, 8).reshape(-1, WINDOW)).mean(0) for piece in pieces])
        order = np.argsort(places)
        low, high = (found[part, row].mean() for part in (order[: _PIECES // 5], order[-_PIECES // 5 :]))
        table[name] = {
            "spearman": float(spearmanr(places, found[:, row]).statistic),
            "lowest fifth": float(low),
            "highest fifth": float(high),
        }
    return Report(
        f"Sliders: {_PIECES} pieces of 8 bars each in any key with default options, the slider anywhere; Spearman's "
        "correlation of its position with what the finished piece shows, and the mean of that for the slider's lowest "
        "and its highest fifth (onsets in a bar, MIDI number, syncopation in a bar, semitones, semitones).",
        table,
    )


def _samples(composer: Composer, made: Artifacts, test: Sequence[Melody]) -> Report:
    table = {}
    for name, bars in (("two bars", 2), ("sixteen bars", 16)):
        requests = [generate_pb2.GenerateRequest(bars=bars) for _ in range(_PIECES)]
        drafts, pieces = _compose(composer, requests, [{} for _ in requests])
        row = _figures([draft.events for draft in drafts])
        likes = [made.index.compare(piece) for piece in pieces]
        row["copied"] = float(np.mean([like.copied_fraction for like in likes]))
        row["above human 95 %"] = float(np.mean([like.human_percentile > 0.95 for like in likes]))
        table[f"composed, {name}"] = row
        table[f"real, {name}"] = _figures(list(_windows(test, bars, bars)[0]))
    return Report(
        f"{_PIECES} new pieces with default options before pitch correction, beside real melodies that were not learnt "
        "from: onsets in a bar, share of notes in C major, mean interval and span in semitones, pitch classes, share "
        "of bars whose rhythm was heard before in the piece; of sixteen bars, the share of two bars that say earlier "
        "ones again (six notes of ten alike) and of those that share less than a quarter of their notes with any; "
        "share of notes in runs of nine or more copied from one known melody, and share of pieces that copy more than "
        "95 % of human melodies do (after pitch correction).",
        table,
    )


def _figures(lines: Sequence[NDArray[np.int64]]) -> dict[str, float]:
    rows = []
    for line in lines:
        begin, _, pitch = to_notes(line).T
        if len(pitch) < 2:
            continue
        rhythms = [tuple((bar >= STRIKE).tolist()) for bar in line.reshape(-1, BAR)]
        again = np.mean([rhythm in rhythms[:number] for number, rhythm in enumerate(rhythms)][1:])
        rows.append(
            (
                len(begin) / (len(line) / BAR),
                np.isin(pitch % 12, _HOME).mean(),
                np.abs(np.diff(pitch)).mean(),
                np.ptp(pitch),
                len(set((pitch % 12).tolist())),
                again,
            )
        )
    names = ("onsets/bar", "in scale", "interval", "span", "pitch classes", "rhythm again")
    found = dict(zip(names, np.array(rows).mean(axis=0).tolist(), strict=True))
    if len(lines[0]) == SEGMENTS * WINDOW:
        found["two bars again"], found["two bars new"] = recurrence(np.stack(lines))
    return found
