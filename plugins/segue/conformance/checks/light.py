"""The gateway half stays light: what computes is imported by the model half alone."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Final

from segue.conformance.check import BrokenPromise, Check
from segue.conformance.subject import Subject

HEAVY: Final = (
    "torch",
    "tensorflow",
    "jax",
    "onnxruntime",
    "tritonclient",
    "scipy",
    "sklearn",
    "symusic",
    "librosa",
    "numba",
    "pandas",
    "matplotlib",
)
_CODE: Final = """import importlib, json, sys
importlib.import_module(sys.argv[1])
print(json.dumps([name for name in sys.argv[2:] if name in sys.modules]))"""


def look(subject: Subject) -> str:
    """Import the plugin's module in a fresh interpreter and look at what came with it."""
    command = [sys.executable, "-c", _CODE, subject.module, *HEAVY]
    result = subprocess.run(command, capture_output=True, text=True, timeout=subject.bounds.call_seconds, check=False)
    if result.returncode:
        last = (result.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise BrokenPromise(f"importing {subject.module} alone fails: {last}", "a module that can be imported")
    if heavy := json.loads(result.stdout.splitlines()[-1]):
        raise BrokenPromise(
            f"importing {subject.module} imports {', '.join(heavy)}",
            "import them in the model half, which runs on Triton; the gateway never computes",
        )
    return f"{subject.module} imports none of {len(HEAVY)} heavy libraries"


LIGHT: Final = Check("light", "the gateway half imports nothing that computes", look)
