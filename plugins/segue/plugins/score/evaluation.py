"""How good ``score`` is, on pieces that no choice was made on, simple baselines beside it."""

from __future__ import annotations

import re
import time
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from segue.music import Piece
from segue.music.keys import guess_key, histogram_scores
from segue.music.melody import skyline
from segue.music.reading import Reading
from segue.music.roman import roman_numerals
from segue.music.theory import NO_CHORD, chord_symbol, spell
from segue.plugin_api.training import Report
from segue.plugins.packs.pop909 import Song, songs
from segue.plugins.score.data import Analysed, analysed_pieces, part_of
from segue.plugins.score.examples import song_notes
from segue.plugins.score.faults import measure_issues
from segue.plugins.score.folk_tunes import measure_folk_tunes
from segue.plugins.score.genres import measure_genres
from segue.plugins.score.grids import measure_grids
from segue.plugins.score.melody_net import CLASSES, class_probabilities
from segue.plugins.score.meters import measure_meters
from segue.plugins.score.networks import Networks
from segue.plugins.score.originals import measure_originality
from segue.plugins.score.style_training import measure_styles

KeyFinder = Callable[[Piece], int]


def evaluate(data: Path, networks: Networks, console: Console) -> dict[str, Report]:
    """Measure all that ``score`` says and labels are at hand for.

    Parameters
    ----------
    data
        Folder that holds the packs ``when_in_rome``, ``pop909``, those that are trained on, and ``genre_midi``.
    networks
        The networks of the version that is measured.
    console
        Where progress is shown.

    Returns
    -------
    dict
        Name → report.
    """
    read = networks.read
    held_out = [piece for piece in analysed_pieces(data) if not piece.development]
    chorales = [piece for piece in held_out if piece.chorale]
    tests = [song for song in songs(data) if part_of(song.number) == "test"]
    finders: dict[str, KeyFinder] = {
        "krumhansl": lambda piece: _histogram_key(piece, "krumhansl"),
        "temperley": lambda piece: _histogram_key(piece, "temperley"),
        "histogram and ends": guess_key,
        "score": lambda piece: read(piece).keys.best,
    }
    split = (
        "two thirds of the aligned When in Rome pieces, held out by the hash of their path; notes only, no key given"
    )
    reports = {
        "chorales": Report(f"Key of {len(chorales)} Bach chorales: {split}.", _keys(chorales, finders, console)),
        "keys": Report(f"Key of {len(held_out)} pieces: {split}.", _keys(held_out, finders, console)),
        "numerals": Report(
            f"Local key, root and Roman numeral on the same {len(held_out)} pieces, weighted by duration, mean over "
            "pieces; a numeral is right if key and figure are (case and sus aside). AugmentedNet's published row is of "
            "its own test set, learnt from When in Rome itself, with pitch spelling given and each moment weighed "
            "alike over all pieces: key .829, root .830, numeral .464. score learnt no human analysis.",
            _numerals(held_out, read, console),
        ),
        "chords": Report(
            f"Chords of {len(tests)} POP909 songs held out by the hash of their number; mir_eval, weighted by "
            "duration, mean over songs; the labels are machine-made.",
            _chords(tests, read, console),
        ),
        "song keys": Report(
            f"Key of the same {len(tests)} songs, against their main key.", _song_keys(tests, finders, console)
        ),
        "melody": Report(
            f"Part of each note (melody, bridge, accompaniment) of the same {len(tests)} songs; track, instrument and "
            "velocity hidden; accuracy over notes, mean over songs. The skyline takes the rest for accompaniment. "
            "Published for three classes, other split: MidiBERT .964, RNN .887.",
            _melodies(tests, networks, console),
        ),
        "styles": measure_styles(data, networks.styles, console),
        **measure_originality(data, networks.originality, console),
        "issues": measure_issues(data, read, console),
        **measure_folk_tunes(read, console),
    }
    if (data / "genre_midi" / "manifest.csv").is_file():
        reports["genres"] = measure_genres(data, console)
        reports |= measure_meters(data, networks.find_bars, console)
        reports |= measure_grids(data, networks.find_bars, console)
    return reports


def _histogram_key(piece: Piece, profile: str) -> int:
    notes = piece.without_drums()
    weights = np.bincount(notes.pitch % 12, notes.duration, 12)
    return int(histogram_scores(np.asarray(weights, np.float64), profile).argmax())


def _weighted(truth: int, found: int) -> float:
    from mir_eval.key import weighted_score

    names = [f"{spell(key % 12)} {'minor' if key >= 12 else 'major'}" for key in (truth, found)]
    return float(weighted_score(*names))


def _keys(
    pieces: Sequence[Analysed], finders: Mapping[str, KeyFinder], console: Console
) -> dict[str, dict[str, float]]:
    rows: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for analysed in track(pieces, "keys", console=console):
        for name, finder in finders.items():
            began = time.perf_counter()
            found = finder(analysed.piece)
            rows[name]["milliseconds"].append(1e3 * (time.perf_counter() - began))
            for which in ("main", "first", "last"):
                truth = getattr(analysed, which)
                rows[name][f"{which} exact"].append(found == truth)
                rows[name][f"{which} weighted"].append(_weighted(truth, found))
    return _means(rows)


def _song_keys(
    tests: Iterable[Song], finders: Mapping[str, KeyFinder], console: Console
) -> dict[str, dict[str, float]]:
    rows: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for song in track(list(tests), "keys", console=console):
        piece = song.piece()
        for name, finder in finders.items():
            found = finder(piece)
            rows[name]["exact"].append(found == song.key)
            rows[name]["weighted"].append(_weighted(song.key, found))
    return _means(rows)


def _numerals(
    pieces: Sequence[Analysed], read: Callable[[Piece], Reading], console: Console
) -> dict[str, dict[str, float]]:
    rows: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for analysed in track(pieces, "numerals", console=console):
        reading = read(analysed.piece)
        chords, edges = reading.inversions, reading.cells.edges
        keys = reading.keys.per_cell()
        lengths = np.diff(chords.cell)
        names = roman_numerals(chords.chord.tolist(), chords.bass.tolist(), keys[chords.cell[:-1]].tolist())
        numerals = np.repeat(np.array([_plain(name) for name in names]), lengths)
        root = np.where(chords.chord == NO_CHORD, -1, chords.chord % 12).repeat(lengths)
        totals = np.zeros(4)
        for start, length, key, figure, true_root in analysed.events:
            shared = np.clip(np.minimum(edges[1:], start + length) - np.maximum(edges[:-1], start), 0, None)
            same_key = keys == key
            hits = (same_key, root == true_root, same_key & (numerals == _plain(figure)))
            totals += [shared.sum(), *((shared * hit).sum() for hit in hits)]
        for name, value in zip(("local key", "root", "numeral"), totals[1:] / totals[0], strict=True):
            rows["score"][name].append(float(value))
    return _means(rows)


def _plain(figure: str) -> str:
    """Write a Roman numeral in one way: no slashes between figures, no case, no added notes."""
    figure = re.sub(r"\[.*?\]|sus\d", "", figure).replace("%", "ø").replace("Cad64", "I64")
    figure = re.sub(r"(\d)/(\d)", r"\1\2", figure).lower()
    return re.sub(r"(?<=[ivoø+])2(?!\d)", "42", figure)


def _chords(tests: Sequence[Song], read: Callable[[Piece], Reading], console: Console) -> dict[str, dict[str, float]]:
    rows: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for song in track(tests, "chords", console=console):
        piece = song.piece()
        for name, reading in (("templates", Reading(piece)), ("score", read(piece))):
            for metric, value in compare_chords(song, reading).items():
                rows[name][metric].append(value)
    return _means(rows)


def _melodies(tests: Sequence[Song], networks: Networks, console: Console) -> dict[str, dict[str, float]]:
    rows: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for song in track(tests, "melodies", console=console):
        truth = song_notes(song).targets
        reading = networks.read(song.piece())
        found = class_probabilities(networks.melody, reading).argmax(axis=1)
        top = np.where(skyline(reading.pitched), 0, CLASSES.index("accompaniment"))
        for name, classes in (("skyline", top), ("score", found)):
            hits = float(((classes == 0) & (truth == 0)).sum())
            rows[name]["3-class accuracy"].append(float((classes == truth).mean()))
            rows[name]["melody or not"].append(float(((classes == 0) == (truth == 0)).mean()))
            rows[name]["melody F1"].append(2 * hits / max(int((classes == 0).sum() + (truth == 0).sum()), 1))
    return _means(rows)


def compare_chords(song: Song, reading: Reading) -> dict[str, float]:
    """Compare the chords of a reading with a song's labels by mir_eval: root, majmin and sevenths, each 0-1."""
    import mir_eval

    chords, edges = reading.chords, np.maximum(reading.cells.edges, 0)
    seconds = reading.original.beats_to_seconds(edges[chords.cell])
    found: NDArray[Any] = np.stack([seconds[:-1], seconds[1:]], axis=1)
    labels = [chord_symbol(chord) for chord in chords.chord.tolist()]
    lasting = found[:, 1] > found[:, 0]
    truth = np.array([chord[:2] for chord in song.chords])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # mir_eval warns of ends that it then mends
        found, labels = mir_eval.util.adjust_intervals(
            found[lasting],
            [x for x, kept in zip(labels, lasting, strict=True) if kept],
            truth.min(),
            truth.max(),
            "N",
            "N",
        )
        spans, expected, got = mir_eval.util.merge_labeled_intervals(truth, [c[2] for c in song.chords], found, labels)
        lengths = mir_eval.util.intervals_to_durations(spans)
        metrics = {m: getattr(mir_eval.chord, m)(expected, got) for m in ("majmin", "root", "sevenths")}
        return {name: float(mir_eval.chord.weighted_accuracy(hits, lengths)) for name, hits in metrics.items()}


def _means(rows: Mapping[str, Mapping[str, list[float]]]) -> dict[str, dict[str, float]]:
    return {name: {metric: float(np.mean(values)) for metric, values in row.items()} for name, row in rows.items()}
