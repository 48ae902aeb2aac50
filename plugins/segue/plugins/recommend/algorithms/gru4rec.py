"""GRU4Rec [1]_: a recurrent network over the tracks played last.

References
----------
.. [1] B. Hidasi, A. Karatzoglou, L. Baltrunas, D. Tikk, *Session-based Recommendations with Recurrent Neural Networks*,
   ICLR 2016.
"""

from __future__ import annotations

from segue.plugins.recommend.algorithms.sequence import SequenceScorer, SequenceSettings
from torch import Tensor, nn


class Network(nn.Module):
    """A gated recurrent unit."""

    def __init__(self, settings: SequenceSettings) -> None:
        super().__init__()
        self.gru = nn.GRU(settings.width, 2 * settings.width, batch_first=True)
        self.out = nn.Linear(2 * settings.width, settings.width)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, L, d) to (B, L, d), causally."""
        hidden, _ = self.gru(x)  # (B, L, 2d)
        out: Tensor = self.out(hidden)  # (B, L, d)
        return out


class Gru4Rec(SequenceScorer):
    """A recurrent network over the tracks played last."""

    name = "gru4rec"
    network = Network
