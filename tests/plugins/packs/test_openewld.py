import csv
import json

import pytest
from segue.music import Piece, piece_to_midi
from segue.plugin_api.errors import InvalidRequest
from segue.plugins.packs.openewld import lead_sheets, melodies

COLUMNS = ["id", "title", "us_pd_pre1931", "metric", "tonality", "midi"]


@pytest.fixture
def data(tmp_path):
    """Four sheets; the MIDI file of the last is not there."""
    root = tmp_path / "openewld"
    root.mkdir()
    (root / "a.mid").write_bytes(piece_to_midi(Piece.of([0.0, 1.0], 1.0, [60, 64])))
    rows = [
        [3, "Old", "yes", "4/4", "E- major", "a.mid"],
        [5, "Older", "traditional", "3/4", "", "a.mid"],
        [8, "New", "no", "4/4", "A minor", "a.mid"],
        [9, "Away", "yes", "4/4", "C major", "b.mid"],
    ]
    with (root / "index.csv").open("w", newline="") as file:
        csv.writer(file).writerows([COLUMNS, *rows])
    (root / "leadsheets.jsonl").write_text(
        "\n".join(json.dumps({"id": number, "melody": melody}) for number, melody in ((3, [[0, 1.5, 60]]), (5, [])))
    )
    return tmp_path


def test_sheets_say_whether_they_are_free_and_which_key_they_state(data):
    found = [(sheet.number, sheet.title, sheet.free, sheet.metric, sheet.key) for sheet in lead_sheets(data)]
    assert found == [("3", "Old", True, "4/4", 3), ("5", "Older", True, "3/4", None), ("8", "New", False, "4/4", 21)]
    assert lead_sheets(data)[0].piece().pitch.tolist() == [60, 64]


def test_melodies_are_found_by_id(data):
    found = melodies(data)
    assert found["3"].tolist() == [[0, 1.5, 60]]
    assert found["5"].shape == (0, 3)


@pytest.mark.parametrize(("read", "name"), [(lead_sheets, "index.csv"), (melodies, "leadsheets.jsonl")])
def test_a_folder_without_sheets_is_named(tmp_path, read, name):
    with pytest.raises(InvalidRequest, match=f"data: .* holds no openewld/{name}"):
        read(tmp_path)
