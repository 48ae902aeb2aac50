import shutil

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from segue.plugins.vae.artifacts import WEIGHTS, load
from segue.plugins.vae.form import THROUGH, forms, recurrence
from segue.plugins.vae.model import VaeModel
from segue.plugins.vae.network import SEGMENTS
from segue.plugins.vae.plugin import Vae
from segue.plugins.vae.tokens import BAR, STRIKE, WINDOW, to_events

from .conftest import ask, item, read


def line(pattern):
    """Sixteen bars whose two-bar windows are named by letters; a small letter has one note of eight changed."""
    windows = []
    for letter in pattern:
        window = np.zeros(WINDOW, np.int64)
        window[::4] = STRIKE + 30 + (ord(letter.upper()) - ord("A")) + np.arange(8)
        if letter.islower():
            window[28] += 20
        windows.append(window)
    return np.concatenate(windows)


@pytest.mark.parametrize(
    ("pattern", "form"),
    [
        ("ABCDEFGH", [0, 1, 2, 3, 4, 5, 6, 7]),
        ("ABACABAC", [0, 1, 0, 3, 0, 1, 0, 3]),
        ("AaBbAaBb", [0, 0, 2, 2, 0, 0, 2, 2]),
    ],
)
def test_two_bars_that_come_again_are_found_though_a_note_is_changed(pattern, form):
    assert forms(line(pattern)[None]).tolist() == [form]


def test_recurrence_counts_what_comes_again_and_what_is_new():
    assert recurrence(np.stack([line("AAAAAAAA"), line("AKAKAKAK")])) == pytest.approx((13 / 14, 1 / 14))


def test_silence_says_nothing_again():
    assert forms(np.zeros((1, SEGMENTS * WINDOW), np.int64)).tolist() == [THROUGH.tolist()]


def test_new_melodies_repeat_as_much_as_real_ones_do(model):
    """Of real ones a quarter of the two bars comes again, and half hardly shares a note with any before."""
    lines = []
    for seed in range(30):
        piece = read(ask(model, item(seed=seed, bars=16)).pieces[0])
        begin, end = (np.rint(beats * 4).astype(np.int64) for beats in (piece.start, piece.end))
        lines.append(to_events(begin, end, piece.pitch, 16 * BAR))
    again, new = recurrence(np.stack(lines))
    assert 0.12 < again < 0.4
    assert 0.3 < new < 0.7


def test_a_version_from_before_forms_were_kept_composes_through(tmp_path):
    shutil.copytree(Vae.models[0].shipped / "1", tmp_path / "1")
    kept = {name: array for name, array in load_file(tmp_path / "1" / WEIGHTS).items() if not name.startswith("form.")}
    save_file(kept, tmp_path / "1" / WEIGHTS)
    old = load(tmp_path / "1")
    assert old.forms.tolist() == [THROUGH.tolist()]
    assert not old.open.any()
    model = VaeModel()
    model.load(tmp_path / "1", "cpu")
    assert len(read(ask(model, item(bars=16)).pieces[0])) > 8
