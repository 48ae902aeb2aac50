import numpy as np
from segue.plugins.chorale import memory


def longest_match(line: np.ndarray, now: int) -> tuple[int, int]:
    """Length and lag of the longest earlier passage that ends as the line does before ``now``, by trying all."""
    best = (0, 0)
    for lag in memory.lags(len(line)):
        length = 0
        while now - 1 - length - lag >= 0 and (line[now - 1 - length] == line[now - 1 - length - lag]).all():
            length += 1
        if length > best[0]:
            best = (length, int(lag))
    return best


def test_recall_finds_the_longest_match_and_how_it_went_on():
    rng = np.random.default_rng(0)
    theme = rng.integers(1, 4, (40, 4))
    tokens = np.concatenate([theme, rng.integers(1, 4, (8, 4)), theme, theme[:20]])
    runs = memory.new_runs(1, len(tokens))
    for now in range(len(tokens)):
        written = np.where(np.arange(len(tokens))[:, None] < now, tokens, 0)[None]
        runs, lengths, followed = memory.recall(written, np.array([now]), runs)
        for column, line in enumerate([tokens, *(tokens[:, voice] for voice in range(4))]):
            length, lag = longest_match(line, now)
            assert lengths[0, column] == length
            if length:
                assert (followed[0, column] == tokens[now - lag]).all()


def test_pieces_of_a_batch_do_not_disturb_each_other():
    rng = np.random.default_rng(1)
    tokens = rng.integers(1, 3, (2, 64, 4))
    now = np.array([40, 21])
    together = [memory.new_runs(2, 64)]
    runs, lengths, followed = memory.recall(tokens, now, together[0])
    for row in range(2):
        alone = memory.recall(tokens[row : row + 1], now[row : row + 1], memory.new_runs(1, 64))
        assert (alone[0][0] == runs[row]).all()
        assert (alone[1][0] == lengths[row]).all()
        assert (alone[2][0] == followed[row]).all()
