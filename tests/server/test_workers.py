"""What a worker owes its parent."""

import json
import os
import subprocess
import sys


def test_a_worker_whose_parent_died_before_it_had_begun_ends(tmp_path):
    settings = {"address": "127.0.0.1:0", "store": str(tmp_path / "store"), "triton": "127.0.0.1:1", "plugins": []}
    gone = os.getppid()
    place = {"parent": gone, "index": 0, "repository": None, "settings": settings | {"workers": 2}}
    command = [sys.executable, "-m", "segue.server.workers"]
    environment = os.environ | {"SEGUE_WORKER": json.dumps(place)}
    assert subprocess.run(command, env=environment, timeout=120).returncode == 0
