from segue.plugin_api.training import Report
from segue.plugins.score.acceptance import LINES, table


def reports(value):
    made = {}
    for line in LINES:
        rows = made.setdefault(line.report, {})
        for row in (line.row, *line.beside):
            rows.setdefault(row, {})[line.metric] = value
    return {name: Report(f"Protocol of {name}.", rows) for name, rows in made.items()}


def test_every_demand_is_a_row_that_says_whether_it_is_met():
    good, bad = (list(table(reports(value)))[2:] for value in (1.0, 0.0))
    assert len(good) == len(bad) == len(LINES)
    for line, met, missed in zip(LINES, good, bad, strict=True):
        cells = ["met", "missed"] if line.asked is not None else ["", ""]
        if line.metric.endswith("ms"):  # less is better
            cells = ["met", "met"]
        assert [row.split("|")[4].strip() for row in (met, missed)] == cells
        assert all(f"{name.partition(',')[0]} 1.000" in met for name in line.beside)


def test_what_was_not_measured_is_left_out():
    assert len(list(table({}))) == 2


def test_a_report_is_written_whole():
    text = Report("How it was done.", {"a": {"x": 0.5}, "b": {"y": 0.25}}).to_markdown()
    assert "How it was done." in text
    assert "| a | 0.500 |  |" in text
    assert "| b |  | 0.250 |" in text
