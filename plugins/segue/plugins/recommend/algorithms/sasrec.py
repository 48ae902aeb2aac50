"""SASRec [1]_: a small causal Transformer over the tracks played last.

References
----------
.. [1] W.-C. Kang, J. McAuley, *Self-Attentive Sequential Recommendation*, ICDM 2018.
"""

from __future__ import annotations

import torch
from segue.plugins.recommend.algorithms.sequence import SequenceScorer, SequenceSettings
from torch import Tensor, nn

BLOCKS, HEADS = 1, 1
"""The paper has two blocks; on the small demo data a second one only overfitted (carve-out)."""


class Network(nn.Module):
    """Positions, then blocks of causal self-attention and a feed-forward layer, normalised first."""

    def __init__(self, settings: SequenceSettings) -> None:
        super().__init__()
        d = settings.width
        self.positions = nn.Parameter(torch.zeros(settings.length, d))
        layer = nn.TransformerEncoderLayer(d, HEADS, 2 * d, settings.dropout, batch_first=True, norm_first=True)
        self.blocks = nn.TransformerEncoder(layer, BLOCKS, enable_nested_tensor=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, L, d) to (B, L, d), causally."""
        L = x.shape[1]  # noqa: N806 - the paper's symbol
        mask = nn.Transformer.generate_square_subsequent_mask(L, device=x.device)
        out: Tensor = self.blocks(x + self.positions[:L], mask=mask, is_causal=True)  # (B, L, d)
        return out


class SasRec(SequenceScorer):
    """Self-attention over the tracks played last."""

    name = "sasrec"
    network = Network
