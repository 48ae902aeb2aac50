"""What is measured of a version on pieces of the test part, which neither it nor ``score`` learnt from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from scipy.stats import spearmanr
from segue.music import Piece
from segue.music.features import FEATURES, features
from segue.music.reading import Reading
from segue.music.rhythm import bar_patterns
from segue.plugin_api.training import Report
from segue.plugins.score.networks import shipped_networks
from segue.plugins.style.measure import StyleJudge, chroma_similarity, groove_similarity, strength
from segue.plugins.style.styles import STYLES
from segue.plugins.style_vae.artifacts import Artifacts
from segue.plugins.style_vae.attributes import INTENSITY, NAMES
from segue.plugins.style_vae.bars import to_cells
from segue.plugins.style_vae.candidates import gather, own_figures
from segue.plugins.style_vae.choose import Chosen
from segue.plugins.style_vae.data import CHORALE, POP, Song, lay_out, read_songs
from segue.plugins.style_vae.heard import emotion_report
from segue.plugins.style_vae.lessons import to_tensors
from segue.plugins.style_vae.network import FIGURES, UNKNOWN
from segue.plugins.style_vae.rewrite import Wish, assemble, rewrite
from segue.plugins.style_vae.source import Source

_EACH: Final = {POP: 14, CHORALE: 14}
_OF_OTHERS: Final = 1
"""Songs of each of the other styles."""
_DRAWS: Final = 2
_STRENGTHS: Final = (0.0, 0.25, 0.5, 0.75, 1.0)
_PAIRS: Final = 2
"""Sources for each style as target."""
_MEASURED: Final = ("log_onsets_per_beat", "polyphony", "pitch_mean", "velocity_mean")

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Case:
    """A held-out song, and the song taken apart."""

    song: Song
    source: Source


def reports(made: Artifacts, data: Path, console: Console) -> list[Report]:
    """Measure sliders, what is kept, strength, style, reconstruction and emotion."""
    cases = read_cases(data)
    found = [*_sliders(made, cases, console), _strengths(made, cases, console)]
    found.append(_styles(made, cases, console))
    found.append(_reconstruction(made, cases))
    if (data / "emopia").is_dir():
        found.append(emotion_report(made, data, console))
    return [report for report in found if report.rows]


def read_cases(data: Path) -> list[Case]:
    """Read songs of the test part, a few of each style."""
    networks, count = shipped_networks(), dict[str, int]()
    cases: list[Case] = []
    for song in read_songs(data):
        taken = count.get(song.style, 0)
        fits = song.style in _EACH or taken == 0 or song.name not in {case.song.name for case in cases}
        if song.part == "test" and taken < _EACH.get(song.style, _PAIRS) and fits:
            count[song.style] = taken + 1
            cases.append(Case(song, Source.of(song.piece, *lay_out(song, networks), song.melody)))
    return cases


def _slid(cases: Sequence[Case]) -> list[Case]:
    """Return the cases that sliders are measured on: not more of one style than of another by far."""
    seen, found = dict[str, int](), []
    for case in cases:
        seen[case.song.style] = seen.get(case.song.style, 0) + 1
        if seen[case.song.style] <= _EACH.get(case.song.style, _OF_OTHERS):
            found.append(case)
    return found


def _measured(piece: Piece) -> Floats:
    """Measure by ``segue.music``: sixteenths struck, then ``_MEASURED``."""
    vector = features(Reading(piece))
    return np.array([bar_patterns(piece).mean(), *(vector[list(FEATURES).index(name)] for name in _MEASURED)])


def _decoded(case: Case, made: Artifacts, asked: Floats) -> Piece:
    """Return what the decoder writes by itself: the cells that it finds likely."""
    source = case.source
    figures = np.broadcast_to(asked[:FIGURES], (len(source.blocks), FIGURES))
    offer = gather(source, made.network, figures, UNKNOWN, 0.0)
    rows = np.flatnonzero(offer.score > 0)
    chosen = Chosen(rows, offer.length[rows], source.drums)
    return assemble(source, offer, chosen, None, 1.0)


def _sliders(made: Artifacts, cases: Sequence[Case], console: Console) -> list[Report]:
    rng = np.random.default_rng(0)
    own = _slid(cases)
    drawn = [(case, rng.random(len(NAMES))) for case in own for _ in range(_DRAWS)]
    ways: dict[str, Callable[[Case, Floats], Piece]] = {
        "style-vae": lambda case, asked: rewrite(case.source, made, Wish(dict(enumerate(asked.tolist())))),
        "decoder alone": lambda case, asked: _decoded(case, made, asked),
        "identity": lambda case, asked: case.song.piece,
    }
    asked = np.array([want for _, want in drawn])
    pieces = {
        name: [way(case, want) for case, want in track(drawn, f"sliders, {name}", console=console)]
        for name, way in ways.items()
    }
    other = rng.permutation(len(drawn))
    pieces["random sliders"] = [pieces["style-vae"][row] for row in other]
    figures = {name: np.array([_measured(piece) for piece in made_so]) for name, made_so in pieces.items()}
    follows, keeps = {}, {}
    for name, table in figures.items():
        wanted = asked
        rho = {f"rho {slider}": _rho(wanted[:, n], table[:, n + (n > INTENSITY)]) for n, slider in enumerate(NAMES)}
        rho["rho onsets in a beat"] = _rho(wanted[:, INTENSITY], table[:, 1])
        follows[name] = rho
    for name in ("style-vae", "decoder alone", "identity"):
        keeps[name] = _kept([case for case, _ in drawn], pieces[name])
    others = [[case.song.piece for case, _ in drawn if case.song.name != own_case.song.name] for own_case, _ in drawn]
    mixed = [
        pool[int(rng.integers(len(pool)))] if pool else case.song.piece
        for pool, (case, _) in zip(others, drawn, strict=True)
    ]
    keeps["another piece"] = _kept([case for case, _ in drawn], mixed)
    about = (
        f"{len(drawn)} rewritings of {len(own)} whole pieces of the test part ({_EACH[POP]} POP909, {_EACH[CHORALE]} "
        "chorales, the others synthetic), all four sliders drawn at once. "
    )
    return [
        Report(
            about
            + "Spearman's rho of what was asked and what segue.music measures of the whole piece, melody and drums "
            "included: sixteenths of a bar in which something begins (beside it the feature onsets in a beat, "
            "which tells apart what is struck a hundredth of a beat apart), notes together, mean pitch, mean velocity. "
            "Decoder alone: the likely cells, nothing chosen. Random sliders: figures of rewritings that were asked "
            "for something else.",
            follows,
        ),
        Report(
            about
            + "Similarity of chroma and of grooves bar by bar (MuseMorphose), and the share of the melody's notes "
            "that are as they were.",
            keeps,
        ),
    ]


def _rho(asked: Floats, got: Floats) -> float:
    return float(spearmanr(asked, got)[0]) if np.ptp(got) > 0 else 0.0


def _kept(cases: Sequence[Case], pieces: Sequence[Piece]) -> dict[str, float]:
    rows = [
        (
            chroma_similarity(case.song.piece, piece, case.song.bars),
            groove_similarity(case.song.piece, piece, case.song.bars),
            _tune_kept(case, piece),
        )
        for case, piece in zip(cases, pieces, strict=True)
    ]
    return dict(zip(("chroma", "grooves", "melody"), np.mean(rows, axis=0).tolist(), strict=True))


def _tune_kept(case: Case, piece: Piece) -> float:
    """Return the share of the melody's notes that have the same onset, pitch and length."""

    def rows(notes: Piece) -> list[tuple[float, ...]]:
        columns = (np.round(notes.start, 3), np.round(notes.duration, 3), notes.pitch)
        return list(zip(*(column.tolist() for column in columns), strict=True))

    there = set(rows(piece))
    return float(np.mean([row in there for row in rows(case.song.piece.select(case.song.melody))]))


def _strengths(made: Artifacts, cases: Sequence[Case], console: Console) -> Report:
    """Go from 0 to 1 towards the end of each slider that the piece is farther from."""
    rows: dict[str, list[float]] = {name: [] for name in NAMES}
    for case in track(_slid(cases)[::4], "strength", console=console):
        now = made.scale.to_quantiles(_own(case))
        for figure, name in enumerate(NAMES):
            wish = {figure: 0.05 if now[figure] > 0.5 else 0.95}
            made_so = [rewrite(case.source, made, Wish(wish, strength=s)) for s in _STRENGTHS]
            got = [_measured(piece)[figure + (figure > INTENSITY)] for piece in made_so]
            rows[name].append(abs(_rho(np.array(_STRENGTHS), np.array(got))))
    return Report(
        f"Each slider alone, at strengths {', '.join(f'{s:g}' for s in _STRENGTHS)} (0 is the piece itself), towards "
        f"the end that the piece is farther from; {len(rows[NAMES[0]])} pieces of the test part: mean over pieces of "
        "the absolute Spearman's rho of strength and what is measured, and the worst piece.",
        {
            "mean": {f"rho {name}": float(np.mean(values)) for name, values in rows.items()},
            "worst": {f"rho {name}": float(np.min(values)) for name, values in rows.items()},
        }
        if rows[NAMES[0]]
        else {},
    )


def _own(case: Case) -> Floats:
    measured = _measured(case.song.piece)
    return np.array([measured[0], measured[2], 12 * measured[3], 127 * measured[4]])


def _styles(made: Artifacts, cases: Sequence[Case], console: Console) -> Report:
    """Rewrite charts from one style to another; the judge is the classifier of ``score``."""
    judge, rng = StyleJudge(), np.random.default_rng(0)
    charts = [case for case in cases if case.song.style not in _EACH and case.song.style in STYLES]
    targets = [name for name in made.styles if name in STYLES]
    found: dict[str, list[list[float]]] = {"style-vae": [], "identity": [], "random target": []}
    for target in track(targets, "styles", console=console):
        sources = [case for case in charts if case.song.style != target]
        for row in rng.permutation(len(sources))[:_PAIRS].tolist():
            case = sources[row]
            piece, style = case.song.piece, case.song.style
            made_so = [rewrite(case.source, made, Wish(style=target, strength=s)) for s in _STRENGTHS]
            got = np.array([judge.probability(each, (target,)) for each in made_so])
            moved = strength(judge, piece, made_so[-1], (style,), (target,))
            chroma = chroma_similarity(piece, made_so[-1], case.song.bars)
            found["style-vae"].append([moved.total, moved.drop, moved.rise, _rho(np.array(_STRENGTHS), got), chroma])
            found["identity"].append([0.0, 0.0, 0.0, 0.0, 1.0])
            other = str(rng.choice([name for name in STYLES if name not in (style, target)]))
            missed = strength(judge, piece, made_so[-1], (style,), (other,))
            found["random target"].append([missed.total, missed.drop, missed.rise, 0.0, chroma])
    names = ("strength", "drop", "rise", "rho", "chroma")
    return Report(
        f"{len(found['style-vae'])} transfers of synthetic test charts, {_PAIRS} to each of {len(targets)} styles, "
        "judged by the classifier of score, which hears neither instruments nor drums and never saw these charts: half "
        "the sum of the fall of the source's and the rise of the target's probability, both halves, mean Spearman's "
        "rho of strength asked and the target's probability, similarity of chroma. Random target: judged as if some "
        "other style had been asked for.",
        {name: dict(zip(names, np.mean(rows, axis=0).tolist(), strict=True)) for name, rows in found.items() if rows},
    )


@torch.inference_mode()
def _reconstruction(made: Artifacts, cases: Sequence[Case]) -> Report:
    """Encode and decode each block as it is."""
    counts: dict[str, Floats] = {}
    for case in cases:
        source = case.source
        begins, sounds = to_cells(source.notes, len(source.blocks))
        around = to_tensors(source.blocks)
        mean, _ = made.network.encode(torch.from_numpy(begins).float(), torch.from_numpy(sounds).float(), around)
        figures = torch.from_numpy(own_figures(source, made.block_scale)).float()
        style = made.styles.index(case.song.style) + 1 if case.song.style in made.styles else UNKNOWN
        logits = made.network.decode(mean, figures, torch.full((len(begins),), style), around).begins.numpy()
        guess, before = _likeliest(logits, begins), np.roll(begins, 1, axis=0)
        pack = case.song.style if case.song.style in _EACH else "synthetic"
        row = [float(x.sum()) for x in (begins & guess, guess, begins & before, before, begins)]
        counts[pack] = counts.get(pack, np.zeros(5)) + row
    rows: dict[str, dict[str, float]] = {"style-vae": {}, "block before": {}}
    for pack, (hit, said, same, old, true) in counts.items():
        rows["style-vae"][pack] = 2 * hit / max(said + true, 1)
        rows["block before"][pack] = 2 * same / max(old + true, 1)
    return Report(
        "Blocks of the same pieces, encoded and decoded with their own figures and style, as many onsets as each has: "
        "F1 of sixteenth and pitch of each onset of the accompaniment. Beside it, the block before, over this chord.",
        rows if counts else {},
    )


def _likeliest(logits: Floats, begins: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Mark in each block as many of the likeliest cells as begin a note."""
    flat = logits.reshape(len(logits), -1)
    rank = np.argsort(np.argsort(-flat, axis=1, kind="stable"), axis=1, kind="stable")
    return np.asarray((rank < begins.sum((1, 2))[:, None]).reshape(begins.shape))
