"""What the trainers of networks share."""

import errno
import io

import pytest
import torch
from segue.plugins.training import keep


class Full(io.BytesIO):
    """A file on a full disk."""

    def write(self, data):
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_checkpoint_that_finds_no_room_leaves_the_one_before(tmp_path, monkeypatch):
    path, save = tmp_path / "checkpoint.pt", torch.save
    keep({"step": 1}, path)
    monkeypatch.setattr(torch, "save", lambda state, file: save(state, Full()))
    with pytest.raises(OSError, match="No space left on device"):
        keep({"step": 2, "weights": torch.zeros(100_000)}, path)
    assert [file.name for file in tmp_path.iterdir()] == ["checkpoint.pt"]
    assert torch.load(path, weights_only=True) == {"step": 1}
