"""A small catalogue with two tastes: listeners play mostly inside one of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from segue.plugins.recommend.dataset import Dataset
from segue.plugins.recommend.reading import read_dataset
from threadpoolctl import threadpool_limits

TRACKS_A_TASTE = 30


def write_plays(folder: Path, listeners: int = 200, seed: int = 0) -> None:
    rng = np.random.default_rng(seed)
    lines = ["user,song,plays,played_at"]
    for listener in range(listeners):
        taste = listener % 2
        weights = 1 / np.arange(5, TRACKS_A_TASTE + 5)
        own = rng.choice(TRACKS_A_TASTE, size=10, replace=False, p=weights / weights.sum())
        other = rng.choice(TRACKS_A_TASTE, size=1)
        for place, track in enumerate([*(taste * TRACKS_A_TASTE + own), *((1 - taste) * TRACKS_A_TASTE + other)]):
            lines.append(f"listener-{listener},t{track},{rng.integers(1, 50)},{1_700_000_000 + place * 60}")
    (folder / "plays.csv").write_text("\n".join(lines) + "\n")
    tracks = ["id,title,artist,tags,tempo"]
    for track in range(2 * TRACKS_A_TASTE + 2):
        name = "rock" if track < TRACKS_A_TASTE or track == 2 * TRACKS_A_TASTE else "jazz"
        tracks.append(f"t{track},Song {track},Artist {track // 3},{name}|{name} {track % 3},{100 + track}")
    (folder / "tracks.csv").write_text("\n".join(tracks) + "\n")


@pytest.fixture(scope="session")
def data_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plays")
    write_plays(folder)
    return folder


@pytest.fixture(scope="session")
def data(data_folder: Path) -> Dataset:
    return read_dataset(data_folder)[0]


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    torch.set_num_threads(1)
    with threadpool_limits(1):
        yield
