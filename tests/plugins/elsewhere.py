"""Training where there is no graphics card: on the device ``meta``, which keeps shapes but no numbers.

Operations refuse tensors of two devices there as they do on a card.
"""

from collections.abc import Callable
from contextlib import nullcontext
from types import ModuleType
from typing import Any

import pytest
import torch


def steps_elsewhere(monkeypatch: pytest.MonkeyPatch, learning: ModuleType, first: int, fit: Callable[[], Any]) -> int:
    """Train on ``meta`` from a step on, as ``fit`` does; returns how many steps were taken before all was fetched."""
    taken = []

    class Loop:
        def __init__(self, *_: object, **__: object) -> None:
            pass

        def steps(self, last: int, **_: object):
            for step in range(first, last):
                yield step
                taken.append(step)

        def is_time(self, *_: object) -> bool:
            return False

    def autocast(kind: str, _: torch.dtype):
        assert kind == "meta"
        return nullcontext()

    for name in ("Adam", "AdamW"):  # no fused step exists there
        kind = getattr(torch.optim, name)
        monkeypatch.setattr(torch.optim, name, lambda *a, kind=kind, fused, **rest: kind(*a, foreach=True, **rest))
    monkeypatch.setattr(torch, "autocast", autocast)
    monkeypatch.setattr(learning, "Loop", Loop)
    monkeypatch.setattr(learning, "training_device", lambda: torch.device("meta"))
    with pytest.raises(NotImplementedError, match="Cannot copy out of meta"):
        fit()
    return len(taken)
