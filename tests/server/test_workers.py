"""Workers end with their parent, and share its address with no other server."""

import json
import os
import subprocess
import sys

import pytest
from segue.server.ports import hold, port_of
from segue.server.settings import Settings
from segue.server.workers import Workers


def test_a_worker_whose_parent_died_before_it_had_begun_ends(tmp_path):
    settings = {"address": "127.0.0.1:0", "store": str(tmp_path / "store"), "triton": "127.0.0.1:1", "plugins": []}
    gone = os.getppid()
    place = {"parent": gone, "index": 0, "repository": None, "settings": settings | {"workers": 2}}
    command = [sys.executable, "-m", "segue.server.workers"]
    environment = os.environ | {"SEGUE_WORKER": json.dumps(place)}
    assert subprocess.run(command, env=environment, timeout=120).returncode == 0


def test_an_address_that_another_server_shares_with_its_workers_is_taken(tmp_path):
    with hold("127.0.0.1:0") as other:
        settings = Settings(address=f"127.0.0.1:{port_of(other)}", workers=2, store=tmp_path)
        with pytest.raises(RuntimeError, match=f"can't listen at {settings.address}: is another server there"):
            Workers(settings)
