import gzip
import json

import numpy as np
import pytest
import torch
from rich.console import Console
from segue.plugin_api import InvalidRequest
from segue.plugin_api.training import Run
from segue.plugins.lyrics.artifacts import Artifacts
from segue.plugins.lyrics.corpus import SONGS, VERSE, part_of, read_corpus
from segue.plugins.lyrics.learning import sampled_loss
from segue.plugins.lyrics.measure import Trigram
from segue.plugins.lyrics.network import Network, NetworkSettings
from segue.plugins.lyrics.train import LyricsSettings, LyricsTrainer

STANZA = [
    "the night is long and deep",
    "the stars are far away",
    "the weary travellers sleep",
    "and dream about the day",
]
WORDS = (
    "love day way say may pay ray lay play stay gray night light sight right might fight white bright kite quite me "
    "see free sea tree bee key knee fee three air fair dare care bear chair hair rare pear spare low go know show blow "
    "snow grow row glow"
)
TINY = {"embedding": 8, "hidden": 12, "dropout": 0.0}


def write_songs(folder) -> None:
    rng = np.random.default_rng(0)
    words = WORDS.split()
    rows = []
    for number in range(40):
        lines = [" ".join(rng.choice(words, 5)) for _ in range(8)]
        rows.append({"title": f"Song {chr(97 + number % 7)} {chr(97 + number // 7)}", "text": "\n".join(lines)})
    (folder / SONGS).write_text("\n".join(json.dumps(row) for row in rows))
    with gzip.open(folder / VERSE, "wt") as file:
        for line in STANZA + STANZA + ["prose without a rhyme at all here", "and one more line"]:
            file.write(json.dumps({"s": line}) + "\n")


def run_in(folder, artifacts) -> Run:
    artifacts.mkdir(parents=True)
    return Run(folder, artifacts, folder, 0, Console(quiet=True))


def test_training_writes_what_serves_and_reports_it(tmp_path):
    write_songs(tmp_path)
    (tmp_path / VERSE).unlink()
    settings = LyricsSettings(
        vocabulary=80, batch=2, length=8, tuning_passes=1, evaluate_every=20, network=NetworkSettings(**TINY)
    )
    trainer = LyricsTrainer()
    run = run_in(tmp_path, tmp_path / "out")
    reports = trainer.train(run, settings)
    assert len(run.sources) == 2
    written = reports[1].rows["written"]
    assert written["syllables_exact"] == 1
    assert written["rhymes_that_rhyme"] == 1
    assert reports[0].rows["lyrics, test"]["perplexity"] < 80
    loaded = Artifacts.load(tmp_path / "out")
    assert len(loaded.vocabulary) == len(loaded.topics) == len(loaded.network.bias)
    assert "love" in loaded.vocabulary.words
    again = run_in(tmp_path, tmp_path / "again")
    trainer.train(again, settings)  # resumes at its last step
    assert torch.equal(Artifacts.load(tmp_path / "again").network.bias, loaded.network.bias)
    assert "the same texts" in reports[0].protocol
    known = len(loaded.texts.titles)
    write_songs(tmp_path)  # with verse that the version did not learn from
    assert f"of {known} texts the" in trainer.evaluate(tmp_path, tmp_path / "out", Console(quiet=True))[0].protocol


def test_only_stanzas_that_rhyme_are_taken_once_and_none_of_held_out_songs(tmp_path):
    write_songs(tmp_path)
    assert [song.lines for song in read_corpus(tmp_path, 100, 0).verse][:1] == [[line.split() for line in STANZA]]
    title = next(
        t for t in ("Aa", "Bb", "Cc", "Dd", "Ee", "Ff", "Gg", "Hh", "Ii", "Jj", "Kk", "Ll") if part_of(t) == "test"
    )
    with (tmp_path / SONGS).open("a") as file:
        file.write("\n" + json.dumps({"title": title, "text": STANZA[0]}))
    assert read_corpus(tmp_path, 100, 0).verse == []


def test_data_that_are_not_songs_are_refused(tmp_path):
    with pytest.raises(InvalidRequest, match="holds no"):
        read_corpus(tmp_path, 0, 0)
    (tmp_path / SONGS).write_text('{"title": "x"}')
    with pytest.raises(InvalidRequest, match="row 1"):
        read_corpus(tmp_path, 0, 0)


def test_the_sampled_loss_is_that_of_all_words_where_all_are_drawn():
    torch.manual_seed(0)
    network = Network(NetworkSettings(**TINY), 50).eval()
    targets = torch.randint(0, 50, (4, 6))
    read, _ = network.read(torch.randint(0, 50, (4, 6)), None)
    exact = torch.nn.functional.cross_entropy(network.score(read).flatten(0, 1), targets.flatten())
    draw = torch.Generator().manual_seed(0)
    assert sampled_loss(network, read, targets, 1000, draw).item() == pytest.approx(exact.item(), rel=1e-5)
    some = np.mean([sampled_loss(network, read, targets, 15, draw).item() for _ in range(200)])
    assert some == pytest.approx(exact.item(), rel=0.02)


def test_the_trigram_is_a_distribution():
    rng = np.random.default_rng(0)
    texts = [rng.integers(0, 8, 30).tolist() for _ in range(5)]
    model = Trigram(texts, 8)
    for before in ([0], [1, 2], [7, 7], [3, 0, 1]):
        assert sum(model.probability(before, word) for word in range(8)) == pytest.approx(1)
