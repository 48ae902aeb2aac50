"""The model store: shipped and trained versions, promotion, roll-back; never half a version."""

import errno
import os
from pathlib import Path

import pytest
from segue.plugin_api import message_model
from segue.plugin_api.errors import FailedPrecondition, NotFound
from segue.plugin_api.store import ModelStore


@pytest.fixture
def spec(tmp_path):
    shipped = tmp_path / "plugin" / "weights"
    (shipped / "1").mkdir(parents=True)
    (shipped / "1" / "card.json").write_text('{"model": "m"}')
    return message_model("m", "a:B", shipped=shipped)


@pytest.fixture
def store(tmp_path):
    return ModelStore(tmp_path / "store")


def write(store, spec, text="weights"):
    with store.new_version(spec) as folder:
        (folder / "weights").write_text(text)


def test_the_shipped_version_serves_until_another_is_promoted(store, spec):
    write(store, spec)
    assert list(store.versions(spec)) == [1, 2]
    assert store.serving(spec) == 1
    store.promote(spec, 2)
    assert store.serving(spec) == 2
    assert store.roll_back(spec) == 1
    assert store.serving(spec) == 1


def test_a_failed_training_leaves_no_version(store, spec):
    def train():
        with store.new_version(spec) as folder:
            (folder / "weights").write_text("half")
            raise RuntimeError("power cut")

    with pytest.raises(RuntimeError):
        train()
    assert list(store.versions(spec)) == [1]
    assert [path.name for path in (store.root / "m").iterdir()] == []


def test_unknown_versions_are_named(store, spec):
    with pytest.raises(NotFound, match=r"model m has no version 7; it has \[1\]"):
        store.promote(spec, 7)
    with pytest.raises(FailedPrecondition, match="no earlier version"):
        store.roll_back(spec)
    with pytest.raises(NotFound, match="segue train"):
        store.serving(message_model("untrained", "a:B"))


def test_a_model_that_is_code_alone_needs_no_version(store):
    assert store.serving(message_model("code", "a:B", trained=False)) == 1


def test_the_digest_follows_names_and_bytes(store, spec):
    write(store, spec, "one")
    write(store, spec, "one")
    write(store, spec, "two")
    assert store.digest(spec, 2) == store.digest(spec, 3) != store.digest(spec, 4)
    assert store.card(spec, 1) == {"model": "m"}
    assert store.card(spec, 2) == {}


@pytest.mark.parametrize("content", [b"{bad", b"[1]", b"\xff"])
def test_files_that_can_not_be_read_are_named(store, spec, content):
    write(store, spec)
    (store.path(spec, 2) / "card.json").write_bytes(content)
    with pytest.raises(FailedPrecondition, match=r"card\.json of version 2 of model \w+ can't be read"):
        store.card(spec, 2)
    (store.root / spec.name / "serving.json").write_bytes(content)
    with pytest.raises(FailedPrecondition, match=r"serving\.json of model \w+ can't be read"):
        store.serving(spec)


def test_a_store_that_can_not_be_written_says_so_and_serves_on(store, spec, monkeypatch):
    write(store, spec)

    def full_disk(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "replace", full_disk)
    with pytest.raises(FailedPrecondition, match=r"can't be written: No space"):
        store.promote(spec, 2)
    assert store.serving(spec) == 1
    assert not list(store.root.rglob(".serving-*"))


def test_two_processes_of_the_same_number_may_promote_at_once(store, spec, monkeypatch):
    """Containers number their processes alike, and may share a store."""
    write(store, spec)
    write(store, spec)
    replace = Path.replace

    def replace_late(aside, target):
        monkeypatch.setattr(Path, "replace", replace)
        store.promote(spec, 3)
        return replace(aside, target)

    monkeypatch.setattr(Path, "replace", replace_late)
    store.promote(spec, 2)
    assert store.serving(spec) == 2
    assert not list(store.root.rglob(".serving-*"))
