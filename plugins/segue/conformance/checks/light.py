"""The gateway half stays light: what computes is imported by the model half alone."""

from __future__ import annotations

import functools
import json
import os
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
_LONGEST_SECONDS: Final = 60.0
_CODE: Final = """import importlib, json, sys
importlib.import_module(sys.argv[1])
print(json.dumps([name for name in sys.argv[2:] if name in sys.modules]))"""


def look(subject: Subject) -> str:
    """Import the plugin's module in a fresh interpreter and look at what came with it."""
    if heavy := _heavy_imports(subject.module):
        raise BrokenPromise(
            f"importing {subject.module} imports {', '.join(heavy)}",
            "import them in the model half, which runs on Triton; the gateway never computes",
        )
    return f"{subject.module} imports none of {len(HEAVY)} heavy libraries"


@functools.cache
def _heavy_imports(module: str) -> list[str]:
    command = [sys.executable, "-c", _CODE, module, *HEAVY]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    result = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=_LONGEST_SECONDS, check=False
    )
    if result.returncode:
        last = (result.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise BrokenPromise(f"importing {module} alone fails: {last}", "a module that can be imported")
    found: list[str] = json.loads(result.stdout.splitlines()[-1])
    return found


LIGHT: Final = Check("light", "the gateway half imports nothing that computes", look)
