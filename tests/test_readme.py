"""README.md says what is so: ``python -m tests.test_readme`` makes its tables from the code and the model cards."""

import json
import re
from pathlib import Path

from segue.plugin_api.store import ModelStore
from segue.server.fleet import VERBS
from segue.server.plugins import load_plugins

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
HEADLINES = {
    "ndcg@20": "NDCG@20",
    "hr@10": "HR@10, next track",
    "nats_per_note": "nats per note",
    "EB": "share of empty bars",
    "all": "nats per note",
    "events": "share of events restored",
    "onsets restored": "share of onsets restored",
    "main weighted": "key, weighted",
    "weighted": "key, weighted",
    "quadrant": "accuracy of the quadrant",
}
"""Figures that stand for a table, and what README calls them."""


def shipped():
    plugins = [plugin for plugin in load_plugins() if plugin.distribution.startswith("segue ")]
    found = [(plugin.name, algorithm) for plugin in plugins for algorithm in plugin.algorithms]
    return sorted(found, key=lambda pair: pair[1].capability)


def card(algorithm):
    store = ModelStore(ROOT / "no such store")
    spec = algorithm.models[0]
    return store.card(spec, store.serving(spec))


def algorithms():
    rows = ["| | algorithm | what it is | data |", "|---|---|---|---|"]
    for plugin, algorithm in shipped():
        data = "; ".join(sorted({source["licence"] for source in card(algorithm).get("data", [])}))
        verb = VERBS[algorithm.capability].capitalize()
        name = f"[`{algorithm.name}`](plugins/segue/plugins/{plugin}/README.md)"
        rows.append(f"| {verb} | {name} | {algorithm.summary} | {data or '-'} |")
    return "\n".join(rows) + "\n"


def figures():
    rows = ["| algorithm | figure | on held-out data, baselines beside |", "|---|---|---|"]
    for _, algorithm in shipped():
        for report in card(algorithm).get("reports", [])[:1]:
            metrics = next(iter(report["rows"].values()))
            figure = next((name for name in HEADLINES if name in metrics), next(iter(metrics)))
            found = [f"{row} {values[figure]:.3g}" for row, values in report["rows"].items() if figure in values]
            rows.append(f"| `{algorithm.name}` | {HEADLINES.get(figure, figure)} | {'; '.join(found)} |")
    return "\n".join(rows) + "\n"


def between(name):
    return re.compile(rf"(?<=<!-- {name} -->\n).*?(?=<!-- /{name} -->)", re.DOTALL)


def written():
    text = README.read_text()
    for name, make in (("algorithms", algorithms), ("figures", figures)):
        content = make()
        text = between(name).sub(lambda _, content=content: content, text)
    return text


def test_the_tables_are_those_of_code_and_cards():
    assert README.read_text() == written(), "run: python -m tests.test_readme"


def test_every_card_is_whole():
    for _, algorithm in shipped():
        found = card(algorithm)
        assert found["model"] == algorithm.models[0].name
        if algorithm.trainer:
            assert found["command"].startswith(f"segue train {algorithm.name} ")
            assert all(len(source["digest"]) == 64 for source in found["data"])
            assert found["reports"]
            json.dumps(found, allow_nan=False)


if __name__ == "__main__":
    README.write_text(written())
