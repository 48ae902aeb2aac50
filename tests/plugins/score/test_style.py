"""What the style classifier learns from: pieces whole and in part, on the grid and off it, with a tune and without."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from segue.music import Meter, Piece, Tempo, TrackInfo, piece_to_midi
from segue.plugin_api import InvalidRequest
from segue.plugin_api.training import Run
from segue.plugins.score import train
from segue.plugins.score.data import part_of
from segue.plugins.score.networks import Networks, shipped_networks
from segue.plugins.score.plugin import ScoreAnalyzer
from segue.plugins.score.style import describe_style, style_features
from segue.plugins.score.style_examples import StyledPiece, on_grid, styled_pieces, views
from segue.plugins.score.style_training import measure_styles
from segue.plugins.score.train import ScoreSettings, ScoreTrainer

from ..synth_pack import write_synth

SHIPPED = ScoreAnalyzer.models[0].shipped / "1"
COMMON = (Meter(0.0, 4, 4),)


def oompah(beats=64):
    """A bass on the strong beats and chords after them."""
    at = np.arange(beats, dtype=float)
    start = np.r_[at[::2], np.repeat(at[1::2], 3)]
    pitch = np.r_[np.tile([36, 43], beats // 4), np.tile([60, 64, 67], beats // 2)]
    return Piece.of(start, 0.5, pitch, meters=COMMON)


def pad(beats=64):
    """Long chords."""
    return Piece.of(np.repeat(np.arange(0, beats, 4.0), 3), 4.0, np.tile([48, 64, 67], beats // 4), meters=COMMON)


def tune(beats=64):
    return Piece.of(np.arange(beats, dtype=float), 1.0, np.tile([72, 74, 76, 77, 79, 77, 76, 74], beats // 8))


@pytest.mark.parametrize("drum", [True, False])
def test_the_style_told_is_that_of_the_piece_played_plainly(drum):
    band = oompah()
    columns = {"velocity": np.arange(len(band)) % 90 + 20, "track": np.arange(len(band)) % 2}
    played = replace(
        band.with_notes(**columns), tracks=(TrackInfo(), TrackInfo(drums=drum)), tempos=(Tempo(0.0, 90.0),)
    )
    networks = shipped_networks()
    told = describe_style(networks.read(played), networks.styles)
    embedding = networks.styles.standardise(style_features(played))
    assert told.embedding == pytest.approx(embedding / np.linalg.norm(embedding), abs=1e-6)


@pytest.fixture
def data(tmp_path):
    """Charts in two styles with their tunes, one song, one chorale for each part."""
    data = tmp_path / "data"
    bands = {(style, n): band for style, band in (("oompah", oompah()), ("pad", pad())) for n in range(12)}
    write_synth(data, bands, dict.fromkeys(range(12), tune()), bars=16)
    chorales = data / "jsb_chorales"
    chorales.mkdir()
    steps = [[[60, 55, 52, 48]] * 64 for _ in range(4)]
    (chorales / "Jsb16thSeparated.json").write_text(json.dumps({"train": steps, "valid": [], "test": steps}))
    song = data / "pop909" / "001"
    song.mkdir(parents=True)
    joined = Piece.of(
        np.r_[tune().start, pad().start], 1.0, np.r_[tune().pitch, pad().pitch], 80,
        np.r_[np.zeros(64, int), np.ones(48, int)], tracks=(TrackInfo("MELODY"), TrackInfo("PIANO")),
    )  # fmt: skip
    (song / "001.mid").write_bytes(piece_to_midi(joined))
    (song / "chord_midi.txt").write_text("0.0 4.0 C:maj\n")
    columns = ["song_id", "name", "num_beats_per_measure", "num_quavers_per_beat", "main_key"]
    with (song.parent / "index.csv").open("w", newline="") as file:
        csv.writer(file).writerows([columns, [1, "Song", 2, 2, "C:maj"]])
    return data


def test_an_accompaniment_is_read_with_its_tune_and_without(data):
    found = list(styled_pieces(data))
    charts = [one for one in found if one.style == "oompah"]
    assert [one.tune for one in charts] == ["without a tune", "with a tune"] * 12
    assert [len(one.piece) for one in charts[:2]] == [len(oompah()), len(oompah()) + 64]
    assert {one.part for one in charts} == {"train", "valid", "test"}
    assert [one.part for one in charts[::2]] == [part_of(f"c{number}") for number in range(12)]
    song, bare = (one.piece for one in found if one.style == "pop_piano")
    assert (len(song), len(bare)) == (112, 48)


def test_the_grid_takes_away_how_loosely_a_piece_is_played():
    rng = np.random.default_rng(0)
    loose = oompah()
    loose = loose.with_notes(start=loose.start + rng.uniform(0, 0.04, len(loose)))
    neat = on_grid(loose)
    assert np.array_equal(np.sort(neat.start), np.sort(oompah().start))
    assert (neat.duration > 0).all()


def test_triplets_stay_triplets():
    thirds = Piece.of(np.arange(24) / 3, 1 / 3, 60)
    assert np.allclose(on_grid(thirds).start, thirds.start)


def test_a_piece_is_seen_whole_and_in_part_as_played_and_on_the_grid():
    seen = dict(views(StyledPiece("oompah", "train", "without a tune", oompah(128)), np.random.default_rng(3)))
    assert list(seen) == [
        "whole, as played", "8-16 bars, as played", "whole, on the grid", "8-16 bars, on the grid",
    ]  # fmt: skip
    assert np.allclose(seen["whole, as played"], seen["whole, on the grid"])
    assert not np.allclose(seen["whole, as played"], seen["8-16 bars, as played"])


def test_the_head_alone_is_learnt_anew(data, tmp_path, monkeypatch):
    monkeypatch.setattr(train, "evaluate", lambda *_: {})
    for name in ("artifacts", "work"):
        (tmp_path / name).mkdir()
    run = Run(data, tmp_path / "artifacts", tmp_path / "work", 0, Console(quiet=True))
    ScoreTrainer().train(run, ScoreSettings(keep=SHIPPED))
    for name in ("bars", "chords", "melody", "originality"):
        file = f"{name}.safetensors"
        assert (run.artifacts / file).read_bytes() == (SHIPPED / file).read_bytes()
    styles = Networks.load(run.artifacts).styles
    assert list(styles.labels) == ["chorale", "oompah", "pad", "pop_piano"]
    rows = measure_styles(data, styles, run.console).rows
    assert rows["score, with a tune"]["whole, as played"] == 1.0
    assert rows["largest class"]["whole, as played"] < 0.6


def test_the_index_alone_is_made_anew(data, tmp_path, monkeypatch):
    monkeypatch.setattr(train, "evaluate", lambda *_: {})
    monkeypatch.setattr(train, "known_melodies", lambda _: [("A tune", tune()), ("Its band", oompah())])
    for name in ("artifacts", "work"):
        (tmp_path / name).mkdir()
    run = Run(data, tmp_path / "artifacts", tmp_path / "work", 0, Console(quiet=True))
    ScoreTrainer().train(run, ScoreSettings(keep=SHIPPED, anew=["originality"]))
    styles = "styles.safetensors"
    assert (run.artifacts / styles).read_bytes() == (SHIPPED / styles).read_bytes()
    assert Networks.load(run.artifacts).originality.titles == ["A tune", "Its band"]


def test_a_folder_that_is_no_version_is_named(data, tmp_path):
    run = Run(data, tmp_path, tmp_path, 0, Console(quiet=True))
    with pytest.raises(InvalidRequest, match=r"nowhere holds no bars\.safetensors"):
        ScoreTrainer().train(run, ScoreSettings(keep=Path("nowhere")))


def test_what_cannot_be_kept_is_named_before_anything_is_learnt(data, tmp_path, monkeypatch):
    monkeypatch.setattr(train, "song_chords", lambda _: pytest.fail("it has begun"))
    run = Run(data, tmp_path, tmp_path, 0, Console(quiet=True))
    with pytest.raises(InvalidRequest, match=r"nowhere holds no bars\.safetensors"):
        ScoreTrainer().train(run, ScoreSettings(keep=Path("nowhere"), anew=["chords"]))
