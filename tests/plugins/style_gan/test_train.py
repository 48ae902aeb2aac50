import csv
import json

import numpy as np
import pytest
from rich.console import Console
from segue.music import Meter, Piece, TrackInfo, piece_to_midi
from segue.plugin_api import InvalidRequest
from segue.plugin_api.training import Run
from segue.plugins.score.data import part_of
from segue.plugins.style_gan import learning, train
from segue.plugins.style_gan.data import DOMAINS, LEAD_SHEET, read_songs
from segue.plugins.style_gan.learning import StyleGanSettings, fit
from segue.plugins.style_gan.lessons import Windows
from segue.plugins.style_gan.model import StyleGanModel
from segue.plugins.style_gan.train import StyleGanTrainer
from segue.plugins.training import Loop

from ..elsewhere import steps_elsewhere
from ..synth_pack import write_synth
from .conftest import ROOTS, TINY, item, song

SETTINGS = StyleGanSettings(pair_steps=2, cycle_steps=1, batch=4, cycle_batch=3, network=TINY)
STYLES = [style for names in DOMAINS.values() for style in names if style != "chorale"]


def numbers(count: int) -> list[int]:
    """Ids of charts of which some are to learn from and some to test with."""
    wanted = {part: [n for n in range(100) if part_of(f"c{n}") == part][:count] for part in ("train", "test")}
    return [*wanted["train"], *wanted["test"]]


def write_data(folder) -> None:
    """Charts of eight bars in every style of the pack, chorales, and lead sheets."""
    whole = song(8)
    band, tune = whole.select(whole.track > 0), whole.select(whole.track == 0)
    bands = {(style, number): band for number in numbers(2) for style in STYLES}
    write_synth(folder, bands, dict.fromkeys(numbers(2), tune))
    voices = [[72 + step, root + 16, root + 12, root] for root in ROOTS for step in range(8) for _ in range(4)]
    chorales = {"train": [voices] * 12, "valid": [], "test": [voices] * 12}
    (folder / "jsb_chorales").mkdir()
    (folder / "jsb_chorales" / "Jsb16thSeparated.json").write_text(json.dumps(chorales))
    (folder / "openewld").mkdir()
    sheet = Piece.of(
        np.r_[np.arange(32), np.arange(0, 32, 4)],
        np.repeat([0.9, 4.0], [32, 8]),
        np.r_[np.tile([72, 74, 76, 74], 8), np.tile(ROOTS, 2)],
        80,
        np.repeat([0, 1], [32, 8]),
        tracks=(TrackInfo("melody"), TrackInfo("chords")),
        meters=(Meter(0.0, 4, 4),),
    )
    (folder / "openewld" / "a.mid").write_bytes(piece_to_midi(sheet))
    names = ["id", "title", "us_pd_pre1931", "metric", "tonality", "midi"]
    with (folder / "openewld" / "index.csv").open("w", newline="") as file:
        free = [[number, "Old", "yes", "4/4", "C major", "a.mid"] for number in numbers(1)]
        csv.writer(file).writerows([names, *free, [7, "New", "no", "4/4", "C major", "a.mid"]])


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    write_data(folder)
    return folder


def run_in(folder, data) -> Run:
    for name in ("artifacts", "work"):
        (folder / name).mkdir(exist_ok=True)
    return Run(data, folder / "artifacts", folder / "work", 0, Console(quiet=True))


def test_songs_are_read_in_one_part_each(data):
    songs = read_songs(data, ["train", "test"])
    assert {found.style for found in songs} == {*STYLES, "chorale", LEAD_SHEET}
    charts = {found.chart: found.part for found in songs}
    assert all(charts[found.chart] == found.part for found in songs)
    assert "c7" not in {found.chart for found in songs if found.style == LEAD_SHEET}
    assert {found.part for found in read_songs(data, ["test"])} == {"test"}


def test_training_writes_a_version_that_rewrites_and_is_measured(tmp_path, data, networks):
    run = run_in(tmp_path, data)
    reports = StyleGanTrainer().train(run, SETTINGS)
    assert set(reports[0].rows) >= {"style-gan", "identity"}
    assert reports[0].rows["identity"]["S"] == 0
    assert reports[0].rows["style-gan"]["melody kept"] == 1
    assert len(run.sources) == 3
    written = (run.artifacts / "weights.safetensors").read_bytes()
    model = StyleGanModel()
    model.load(run.artifacts, "cpu")
    assert model.answer([item(song(), networks, style="jazz")])[0].music.midi
    assert StyleGanTrainer().evaluate(data, run.artifacts, run.console)[0].rows == reports[0].rows
    StyleGanTrainer().train(run, SETTINGS)
    assert (run.artifacts / "weights.safetensors").read_bytes() == written


def test_an_interrupted_training_goes_on_as_if_it_had_not_been(tmp_path, data, monkeypatch):
    monkeypatch.setitem(Loop.__init__.__kwdefaults__, "every", 1)
    monkeypatch.setattr(train, "reports", lambda *_: [])
    (tmp_path / "whole").mkdir()
    (tmp_path / "halves").mkdir()
    whole, halves = run_in(tmp_path / "whole", data), run_in(tmp_path / "halves", data)
    StyleGanTrainer().train(whole, SETTINGS)
    cycle, pairs, steps = learning._cycle, learning._pairs, []

    def stop(*arguments):
        raise KeyboardInterrupt

    def count(*arguments):
        steps.append(1)
        return pairs(*arguments)

    monkeypatch.setattr(learning, "_cycle", stop)
    with pytest.raises(KeyboardInterrupt):
        StyleGanTrainer().train(halves, SETTINGS)
    monkeypatch.setattr(learning, "_cycle", cycle)
    monkeypatch.setattr(learning, "_pairs", count)
    StyleGanTrainer().train(halves, SETTINGS)
    assert len(steps) == SETTINGS.cycle_steps  # the steps on pairs alone are not taken again
    same = [(run.artifacts / "weights.safetensors").read_bytes() for run in (whole, halves)]
    assert same[0] == same[1]


def test_everything_is_where_training_is(tmp_path, data, monkeypatch):
    songs = read_songs(data, ["train"])
    styles = [style for names in DOMAINS.values() for style in names]
    windows = Windows(songs, [*styles, *{song.style for song in songs} - {*styles}])
    run = run_in(tmp_path, data)
    taken = steps_elsewhere(monkeypatch, learning, 0, lambda: fit(windows, styles, run, SETTINGS))
    assert taken == SETTINGS.pair_steps + SETTINGS.cycle_steps


def test_too_little_data_is_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidRequest, match="style_parallel_synth"):
        StyleGanTrainer().train(run_in(tmp_path, tmp_path / "empty"), SETTINGS)
