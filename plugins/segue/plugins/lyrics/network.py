"""The language model: a recurrent network over words, each line read from its last word to its first.

References
----------
.. [1] K. Cho et al., "Learning phrase representations using RNN encoder-decoder", EMNLP 2014: the gated unit.
.. [2] O. Press and L. Wolf, "Using the output embedding to improve language models", EACL 2017: one table.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import torch
from pydantic import BaseModel, ConfigDict, Field
from segue.plugins.half_precision import load_halves, save_halves
from torch import Tensor, nn

WEIGHTS: Final = "weights.safetensors"


class NetworkSettings(BaseModel):
    """Sizes of the network."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    embedding: int = Field(default=192, ge=1, description="Size of a word's vector.")
    hidden: int = Field(default=416, ge=1, description="Size of the recurrent state.")
    dropout: float = Field(default=0.25, ge=0, lt=1, description="Dropout of vectors and states in training.")


class Network(nn.Module):
    """Gives the probabilities of the next word.

    Parameters
    ----------
    settings
        Sizes.
    words
        Size of the vocabulary.
    """

    def __init__(self, settings: NetworkSettings, words: int) -> None:
        super().__init__()
        self.settings = settings
        self.words = nn.Embedding(words, settings.embedding)
        self.recurrent = nn.GRU(settings.embedding, settings.hidden, batch_first=True)
        self.narrow = nn.Linear(settings.hidden, settings.embedding)
        self.bias = nn.Parameter(torch.zeros(words))
        self.dropout = nn.Dropout(settings.dropout)
        nn.init.normal_(self.words.weight, std=settings.embedding**-0.5)

    def forward(self, tokens: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Read words.

        Parameters
        ----------
        tokens
            Shape (batch, time).
        state
            What was read before, shape (1, batch, hidden); None at the beginning.

        Returns
        -------
        logits, state
            Of the word after each, shape (batch, time, words); and the state at the end.
        """
        read, state = self.read(tokens, state)
        return self.score(read), state

    def read(self, tokens: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return what is known after each word, shape (batch, time, hidden), and the state at the end."""
        with self._fast(tokens):
            read, state = self.recurrent(self.dropout(self.words(tokens)), state)
        return read.float(), state.float()

    def score(self, read: Tensor, words: Tensor | None = None) -> Tensor:
        """Return the logits of some words, of all if None, for each row of what was read."""
        table, bias = (self.words.weight, self.bias) if words is None else (self.words(words), self.bias[words])
        with self._fast(read):
            logits = nn.functional.linear(self.dropout(self.narrow(self.dropout(read))), table, bias)
        return logits.float()

    def _fast(self, like: Tensor) -> torch.autocast:
        """Compute in bfloat16 while training: twice as fast, and as good."""
        return torch.autocast(like.device.type, torch.bfloat16, enabled=self.training)


def save(network: Network, folder: Path) -> None:
    """Write the weights, as float16."""
    save_halves(network.state_dict(), folder / WEIGHTS)


def load(settings: NetworkSettings, words: int, folder: Path) -> Network:
    """Read what ``save`` wrote."""
    network = Network(settings, words).eval()
    network.load_state_dict(load_halves(folder / WEIGHTS))
    return network
