"""Caser [1]_: convolutions over the tracks played last: filters across several tracks, and across each dimension.

At every position the network sees a window of the ``WINDOW`` latest tracks. Filters of heights 1 to ``WINDOW`` find
patterns of tracks in a row ("horizontal"), weighted sums over the window find what matters when ("vertical"). The
paper's listener embedding, which could not answer a listener who was not there in training, is left out: the mean of
all tracks, to which every network here is added, takes its place.

References
----------
.. [1] J. Tang, K. Wang, *Personalized Top-N Sequential Recommendation via Convolutional Sequence Embedding*, WSDM 2018.
"""

from __future__ import annotations

import torch
from segue.plugins.recommend.algorithms.sequence import SequenceScorer, SequenceSettings
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - its name everywhere

WINDOW, HORIZONTAL, VERTICAL = 5, 16, 4


class Network(nn.Module):
    """Horizontal and vertical convolutions over a sliding window."""

    def __init__(self, settings: SequenceSettings) -> None:
        super().__init__()
        d = settings.width
        self.horizontal = nn.ModuleList(nn.Conv1d(d, HORIZONTAL, height) for height in range(1, WINDOW + 1))
        self.vertical = nn.Linear(WINDOW, VERTICAL, bias=False)
        self.out = nn.Linear(WINDOW * HORIZONTAL + VERTICAL * d, d)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, L, d) to (B, L, d), causally."""
        B, L, d = x.shape  # noqa: N806 - the paper's symbols
        windows = F.pad(x, (0, 0, WINDOW - 1, 0)).unfold(1, WINDOW, 1)  # (B, L, d, WINDOW)
        flat = windows.reshape(B * L, d, WINDOW)
        found = [F.relu(conv(flat)).amax(dim=-1) for conv in self.horizontal]  # each (B L, HORIZONTAL)
        sums = self.vertical(flat).flatten(1)  # (B L, VERTICAL d)
        out: Tensor = self.out(torch.cat([*found, sums], dim=-1)).view(B, L, d)
        return out


class Caser(SequenceScorer):
    """Convolutions over the tracks played last."""

    name = "caser"
    network = Network
