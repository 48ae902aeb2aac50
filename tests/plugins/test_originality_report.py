import numpy as np
import pytest
from segue.plugins.originality_report import Copied, report


def test_the_table_says_how_many_pieces_copy_no_more_than_people():
    human = np.linspace(0, 0.2, 21)
    rows = report({"one": Copied(np.array([0.0, 0.1, 0.5]), human, 30), "two": Copied(np.zeros(4), human, 30)}).rows
    assert rows["one"]["human 95 % bound"] == pytest.approx(0.19)
    assert rows["one"]["share at or below the bound"] == pytest.approx(2 / 3)
    assert rows["two"]["share at or below the bound"] == 1
    assert (rows["one"]["pieces"], rows["two"]["pieces"], rows["one"]["human excerpts"]) == (3, 4, 21)
