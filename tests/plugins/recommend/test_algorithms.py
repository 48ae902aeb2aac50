"""What every method must do. A new one joins by its name in ``SCORERS``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from safetensors.numpy import load_file, save
from segue.plugins.recommend.algorithms import SCORERS, find_scorer
from segue.plugins.recommend.algorithms.base import Scorer
from segue.plugins.recommend.algorithms.hybrid import Hybrid
from segue.plugins.recommend.dataset import Catalogue, Dataset, History
from segue.plugins.recommend.evaluation import evaluate, split, top_tracks
from segue.plugins.recommend.model import load_scorer, save_scorer

NETWORK = {"width": 16, "epochs": 6, "learning_rate": 1e-2}
SMALL = {
    "ials": {"factors": 8},
    "svd": {"factors": 4},
    "hybrid": {"ials": {"factors": 8}},
    "sasrec": NETWORK,
    "gru4rec": NETWORK,
    "caser": NETWORK,
}
"""Settings that suit the small catalogue."""


def make(name: str) -> Scorer:
    method = find_scorer(name)
    return method(method.Settings(**SMALL.get(name, {})))


@pytest.fixture(scope="module", params=SCORERS)
def scorer(request: pytest.FixtureRequest, data: Dataset) -> Scorer:
    made = make(request.param)
    made.fit(data, seed=0)
    return made


def never_seen() -> History:
    return History(np.array([3, 5, 1], dtype=np.int32), np.array([7, 1, 2], dtype=np.float32))


def test_scores_are_finite_for_everybody(scorer: Scorer, data: Dataset) -> None:
    scores = scorer.scores([data.history(0), never_seen()])
    assert scores.shape == (2, len(data.catalogue))
    assert scores.dtype == np.float32
    assert np.isfinite(scores).all()


def test_a_batch_answers_as_each_alone(scorer: Scorer, data: Dataset) -> None:
    histories = [data.history(row) for row in range(6)] + [never_seen()]
    alone = np.concatenate([scorer.scores([history]) for history in histories])
    np.testing.assert_allclose(scorer.scores(histories), alone, rtol=1e-4, atol=1e-5)


def test_contributions_add_up_to_the_score_where_exact(scorer: Scorer, data: Dataset) -> None:
    tracks = np.array([0, 7, 33, 60], dtype=np.int32)
    for history in (data.history(3), never_seen()):
        parts = scorer.contributions(history, tracks)
        assert parts.shape == (4, len(history))
        assert np.isfinite(parts).all()
        if scorer.exact:
            np.testing.assert_allclose(parts.sum(axis=1), scorer.scores([history])[0][tracks], rtol=1e-3, atol=1e-5)


def test_a_saved_version_ranks_the_same(scorer: Scorer, data: Dataset, tmp_path: Path) -> None:
    save_scorer(scorer, data, tmp_path)
    loaded = load_scorer(tmp_path, Dataset.load(tmp_path))
    histories = [data.history(row) for row in range(10)]
    np.testing.assert_allclose(loaded.scores(histories), scorer.scores(histories), rtol=5e-3, atol=5e-3)


def test_a_part_of_hybrid_is_written_as_the_method_itself_writes_it(data: Dataset, tmp_path: Path) -> None:
    made = make("hybrid")
    assert isinstance(made, Hybrid)
    made.fit(data, seed=0)
    save_scorer(made, data, tmp_path)
    for member in (made.ials, made.members[1][0]):
        alone = tmp_path / f"{member.name}-alone"
        alone.mkdir()
        save_scorer(member, data, alone)
        assert (tmp_path / f"{member.name}.safetensors").read_bytes() == (alone / "weights.safetensors").read_bytes()
    assert set(load_file(tmp_path / "weights.safetensors")) == {"scales"}


def test_a_hybrid_written_as_one_file_ranks_the_same(data: Dataset, tmp_path: Path) -> None:
    made = make("hybrid")
    made.fit(data, seed=0)
    save_scorer(made, data, tmp_path)
    histories = [data.history(0), never_seen()]
    expected = load_scorer(tmp_path, data).scores(histories)
    for path in tmp_path.glob("*.safetensors"):
        path.unlink()
    (tmp_path / "weights.safetensors").write_bytes(save(made.weights()))
    np.testing.assert_array_equal(load_scorer(tmp_path, data).scores(histories), expected)


IN_ORDER = ("sasrec", "gru4rec", "caser", "markov")


@pytest.mark.parametrize("name", [name for name in SCORERS if name not in ("popularity", *IN_ORDER)])
def test_taste_beats_popularity_on_held_out_plays(name: str, data: Dataset) -> None:
    rest, held_out = split(data, 0.2, "random", seed=0)
    popularity, method = make("popularity"), make(name)
    for one in (popularity, method):
        one.fit(rest, seed=0)
    assert evaluate(method, rest, held_out)["ndcg@20"] > evaluate(popularity, rest, held_out)["ndcg@20"] * 1.1


def in_a_circle(listeners: int = 60, tracks: int = 20) -> Dataset:
    """Everybody plays the catalogue's tracks in the same circle, from anywhere."""
    rng = np.random.default_rng(0)
    starts, lengths = rng.integers(0, tracks, listeners), rng.integers(4, 12, listeners)
    columns = np.concatenate([(start + np.arange(n)) % tracks for start, n in zip(starts, lengths, strict=True)])
    times = np.concatenate([np.arange(n, dtype=np.float64) for n in lengths])
    indptr = np.concatenate([[0], np.cumsum(lengths)])
    plays = sp.csr_matrix((np.ones(len(columns), np.float32), columns.astype(np.int32), indptr), (listeners, tracks))
    ids = [f"t{row}" for row in range(tracks)]
    catalogue = Catalogue(
        ids, ids, ids, [], sp.csr_matrix((tracks, 0), dtype=np.float32), np.zeros((tracks, 0), np.float32)
    )
    return Dataset(catalogue, [], plays, times, np.zeros((0, 3), np.int32))


@pytest.mark.parametrize("name", IN_ORDER)
def test_an_order_is_learnt(name: str) -> None:
    data = in_a_circle()
    scorer = make(name)
    if "epochs" in type(scorer.settings).model_fields:
        scorer.settings = scorer.settings.model_copy(update={"epochs": 30, "width": 32})
    scorer.fit(data, seed=0)
    histories = [History(((np.arange(4) + start) % 20).astype(np.int32), np.ones(4, np.float32)) for start in range(20)]
    best = top_tracks(scorer.scores(histories), histories, 3)
    assert np.mean([(start + 4) % 20 in best[start] for start in range(20)]) >= 0.9


def test_a_play_that_no_longer_counts_causes_nothing(data: Dataset) -> None:
    scorer = make("gru4rec")
    scorer.settings = scorer.settings.model_copy(update={"length": 2})
    scorer.fit(data, seed=0)
    parts = scorer.contributions(never_seen(), np.array([7], dtype=np.int32))
    assert parts[0, 0] == 0
    assert parts[0, 1:].all()


@pytest.mark.parametrize("name", ["ials", "svd"])
def test_a_device_scores_as_numpy_does(name: str, data: Dataset, tmp_path: Path) -> None:
    scorer = make(name)
    scorer.fit(data, seed=0)
    save_scorer(scorer, data, tmp_path)
    here, there = (load_scorer(tmp_path, data, device) for device in ("cpu", "cpu:0"))  # the latter by torch
    np.testing.assert_allclose(here.scores([never_seen()]), there.scores([never_seen()]), rtol=1e-5)


def test_ials_solves_its_normal_equations(data: Dataset) -> None:
    scorer = make("ials")
    scorer.fit(data, seed=0)
    matrix, weighted = scorer.normal_equations(data.history(0))  # type: ignore[attr-defined]
    factors = scorer.fold_in([data.history(0)])[0]  # type: ignore[attr-defined]
    np.testing.assert_allclose(matrix @ factors, weighted.sum(axis=0), rtol=1e-3, atol=1e-4)


def test_ials_half_step_equals_the_fold_in(data: Dataset) -> None:
    """The training step by Woodbury and the fold-in by the full system are the same problem."""
    from concurrent.futures import ThreadPoolExecutor

    from segue.plugins.recommend.algorithms import ials
    from segue.plugins.recommend.algorithms.base import weigh

    for factors in (8, 64):  # more plays than factors, and fewer
        scorer = ials.Ials(ials.IalsSettings(factors=factors))
        scorer.fit(data, seed=0)
        weighted = data.plays.copy()
        weighted.data = weigh(weighted.data, scorer.settings.log_plays)
        groups = list(ials._rows_of_equal_length(weighted, factors))
        with ThreadPoolExecutor(1) as pool:
            step = scorer.solve(groups, weighted.shape[0], scorer.tracks, len(data.catalogue), pool)
        np.testing.assert_allclose(step, scorer.fold_in(data.histories()), rtol=2e-2, atol=2e-4)
