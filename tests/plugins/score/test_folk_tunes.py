"""Folk tunes with stated scales and metres: which are read, and what is measured on them."""

import pytest
from music21 import common
from rich.console import Console
from segue.music.modes import DORIAN, MAJOR
from segue.music.reading import Reading
from segue.plugins.score import folk_tunes

DORIC = "|:" + "D2EF G2A2|B2AG A4|c2BA G2F2|E2C2 D4:|" * 2
MAJOR_TUNE = "|:" + "D2EF G2A2|B2AG A4|d2cA G2F2|E2A2 D4:|" * 2


@pytest.fixture
def corpus(tmp_path, monkeypatch):
    """A corpus of one collection of tunes, whose every tune is taken."""
    folder = tmp_path / "airdsAirs"
    folder.mkdir()
    kinds = [("C", "Ddor", DORIC), ("6/8", "D", MAJOR_TUNE), ("C", "Hp", DORIC), ("C", "Dmin", "D4|")]
    texts = [f"X:{n}\nT:Tune {n}\nM:{metre}\nL:1/8\nK:{key}\n{tune}\n" for n in range(8) for metre, key, tune in kinds]
    (folder / "a.abc").write_text("\n".join(texts))
    monkeypatch.setattr(common, "getCorpusFilePath", lambda: str(tmp_path))
    monkeypatch.setattr(folk_tunes, "_SOME", {})


def test_tunes_are_read_with_tonic_and_scale(corpus):
    halves = [list(folk_tunes.folk_tunes(development=development)) for development in (True, False)]
    assert all(halves)
    tunes = [tune for half in halves for tune in half]
    assert sorted({(tune.tonic, tune.scale) for tune in tunes}) == [(2, MAJOR), (2, DORIAN)]
    assert len(tunes) == 16  # neither a bagpipe's nor one of a single note
    assert {tune.piece.pitch[0] for tune in tunes} == {62}
    assert all(
        (5 in set(tune.piece.pitch % 12)) == (tune.scale == DORIAN) for tune in tunes
    )  # F natural is in Dorian alone


def test_the_share_of_right_scales_is_measured(corpus):
    report = folk_tunes.measure_folk_tunes(Reading, Console(quiet=True))["scales"]
    assert {name.partition(",")[0] for name in report.rows} == {"major", "Dorian"}
    for row in report.rows.values():
        assert row["scale, tonic given"] == 1
        assert row["tonic and scale"] <= min(row["tonic"], row["one of three"])


def test_the_share_of_right_metres_is_measured(corpus):
    rows = folk_tunes.measure_folk_tunes(Reading, Console(quiet=True))["metres of folk tunes"].rows
    right = {name.partition(",")[0]: row for name, row in rows.items()}
    assert right == {
        "2/4 or 4/4": {"accents": 1, "score": 1},
        "6/8": {"accents": 0, "score": 0},  # a reel that is called a jig
    }
