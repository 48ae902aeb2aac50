"""A small pack ``style_parallel_synth`` for tests."""

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from segue.music import Piece, piece_to_midi


def write_synth(
    data: Path,
    bands: Mapping[tuple[str, int], Piece],
    tunes: Mapping[int, Piece],
    bars: int = 8,
    charts: Mapping[int, Sequence[Sequence[str]]] | None = None,
) -> None:
    """Write bands by style and chart, tunes by chart, and the symbols of each beat of each bar by chart."""
    root = data / "style_parallel_synth"
    files = {f"{style}/{number}.mid": band for (style, number), band in bands.items()}
    for name, piece in {**files, **{f"melody/{number}.mid": tune for number, tune in tunes.items()}}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(piece_to_midi(piece))
    rows = [[f"{style}/{number}.mid", style, number, f"Song {number}", bars] for style, number in bands]
    with (root / "index.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["midi", "style", "chart_id", "title", "bars"], *rows])
    if charts is not None:
        (root / "charts.json").write_text(json.dumps(charts))
