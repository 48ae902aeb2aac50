"""Several gateway processes write one model repository."""

from pathlib import Path

import pytest
from segue.plugin_api import message_model
from segue.plugin_api.store import ModelStore
from segue.server.repository import write_model

DRONE = message_model("drone", "nowhere:Model", trained=False)


@pytest.fixture
def store(tmp_path):
    version = tmp_path / "store" / "drone" / "1"
    version.mkdir(parents=True)
    (version / "weights").write_text("loud")
    return ModelStore(tmp_path / "store")


def test_a_link_that_another_process_makes_at_the_same_moment_is_kept(store, tmp_path, monkeypatch):
    make = Path.symlink_to

    def make_late(link, target):
        make(link, target)
        make(link, target)

    monkeypatch.setattr(Path, "symlink_to", make_late)
    for _ in range(2):
        assert write_model(tmp_path / "models", DRONE, store) == 1
    assert (tmp_path / "models" / "drone" / "1" / "weights").read_text() == "loud"
