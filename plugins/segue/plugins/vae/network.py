"""The networks, whole: a variational autoencoder of two bars, and one of sixteen above it.

Two bars: a bidirectional GRU reads the window beat by beat into a latent vector; a conductor GRU turns the vector into
a plan for each of the eight beats; a GRU writes the 32 events, each knowing the one before it and the plan of its beat.
Sixteen bars: a bidirectional GRU reads the eight latent vectors of a melody into one of its own; a second conductor
writes eight vectors from it, and the decoder of two bars plays each. The first five dimensions of the two-bar vector
are regularised to rise with five attributes.

References
----------
A. Roberts et al., "A Hierarchical Latent Vector Model for Learning Long-Term Structure in Music", ICML 2018.
A. Pati and A. Lerch, "Attribute-based regularization of latent spaces for variational auto-encoders", Neural Computing
and Applications, 2021.
"""

from __future__ import annotations

from typing import cast

import torch
from pydantic import BaseModel, ConfigDict, Field
from segue.plugins.vae.tokens import EVENTS, PER_BEAT, WINDOW
from torch import Tensor, nn
from torch.nn import functional

SEGMENTS = 8
"""Windows of two bars in sixteen."""
_BEATS = WINDOW // PER_BEAT
_START = EVENTS
_COLDEST = 0.01
"""Temperature at which the likeliest event is certain."""


class NetworkSettings(BaseModel):
    """Sizes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    latent: int = Field(default=128, ge=8, description="Latent vector of two bars.")
    embedding: int = Field(default=48, ge=4, description="An event.")
    encoder: int = Field(default=224, ge=8, description="Each direction of the encoder.")
    conductor: int = Field(default=192, ge=8, description="The conductor, and the plan of a beat.")
    decoder: int = Field(default=304, ge=8, description="The decoder.")
    long_latent: int = Field(default=160, ge=8, description="Latent vector of sixteen bars.")
    long_hidden: int = Field(default=256, ge=8, description="Encoder and conductor of sixteen bars.")


class Network(nn.Module):
    """Two bars of melody: events to latent vector and back."""

    def __init__(self, settings: NetworkSettings) -> None:
        super().__init__()
        self.settings = s = settings
        self.embed = nn.Embedding(EVENTS + 1, s.embedding)
        self.mode = nn.Embedding(2, s.embedding)
        self.reader = nn.GRU((PER_BEAT + 1) * s.embedding, s.encoder, batch_first=True, bidirectional=True)
        self.to_latent = nn.Linear(2 * s.encoder, 2 * s.latent)
        self.conduct = nn.GRU(s.latent + s.embedding, s.conductor, batch_first=True)
        self.begin_conductor = nn.Linear(s.latent, s.conductor)
        self.plan = nn.Linear(s.conductor + s.latent, s.conductor)
        self.place = nn.Embedding(PER_BEAT, s.embedding)
        self.writer = nn.GRU(s.conductor + 2 * s.embedding, s.decoder, batch_first=True)
        self.begin_writer = nn.Linear(s.latent, s.decoder)
        self.head = nn.Linear(s.decoder + s.conductor, EVENTS)

    def encode(self, events: Tensor, minor: Tensor) -> tuple[Tensor, Tensor]:
        """Read windows.

        Parameters
        ----------
        events : Tensor, shape (batch, 32)
        minor : Tensor of int, shape (batch,)
            1 for music in minor.

        Returns
        -------
        mean, log_variance : Tensor, shape (batch, latent)
        """
        size = len(events)
        x = self.embed(events).view(size, _BEATS, -1)  # (size, 8, 4 * embedding)
        mode = self.mode(minor)[:, None].expand(size, _BEATS, -1)
        _, last = self.reader(torch.cat([x, mode], -1))  # (2, size, encoder)
        mean, log_variance = self.to_latent(last.transpose(0, 1).reshape(size, -1)).float().chunk(2, -1)
        return mean, log_variance.clamp(-10, 2)

    def plans(self, z: Tensor, minor: Tensor) -> Tensor:
        """Return the conductor's plan of each beat, shape (batch, 8, conductor)."""
        x = torch.cat([z, self.mode(minor)], -1)[:, None].expand(-1, _BEATS, -1)
        y, _ = self.conduct(x.contiguous(), torch.tanh(self.begin_conductor(z))[None].contiguous())
        return cast(Tensor, self.plan(torch.cat([y, z[:, None].expand(-1, _BEATS, -1)], -1)))

    def forward(self, z: Tensor, events: Tensor, minor: Tensor, deaf: float = 0.0) -> Tensor:
        """Return the logits of windows that are known, shape (batch, 32, EVENTS).

        Parameters
        ----------
        z : Tensor, shape (batch, latent)
        events : Tensor, shape (batch, 32)
        minor : Tensor of int, shape (batch,)
        deaf
            Share of the events before that are hidden from the writer, so that it heeds the latent vector.
        """
        before = functional.pad(events[:, :-1], (1, 0), value=_START)
        if deaf:
            before = torch.where(torch.rand(before.shape, device=before.device) < deaf, _START, before)
        plans = self.plans(z, minor).repeat_interleave(PER_BEAT, 1)  # (size, 32, conductor)
        place = self.place.weight.repeat(_BEATS, 1)[None].expand(len(events), -1, -1)
        x = torch.cat([plans, self.embed(before), place], -1)
        y, _ = self.writer(x, torch.tanh(self.begin_writer(z))[None].contiguous())
        return cast(Tensor, self.head(torch.cat([y, plans], -1)).float())

    @torch.no_grad()
    def write(self, z: Tensor, minor: Tensor, draws: Tensor, temperature: Tensor) -> tuple[Tensor, Tensor]:
        """Compose windows event by event.

        Parameters
        ----------
        z : Tensor, shape (batch, latent)
        minor : Tensor of int, shape (batch,)
        draws : Tensor, shape (batch, 32)
            Uniform in [0, 1): what each event is drawn by.
        temperature : Tensor, shape (batch,)
            0 takes the likeliest.

        Returns
        -------
        events, nats : Tensor, shape (batch, 32)
            Nats are those of the events at temperature 1.
        """
        plans = self.plans(z, minor)
        hidden = torch.tanh(self.begin_writer(z))[None].contiguous()
        event = torch.full((len(z),), _START)
        heat = temperature.double().clamp(min=_COLDEST)[:, None]
        written, nats = [], []
        for now in range(WINDOW):
            plan = plans[:, now // PER_BEAT]
            place = self.place.weight[now % PER_BEAT].expand(len(z), -1)
            y, hidden = self.writer(torch.cat([plan, self.embed(event), place], -1)[:, None], hidden)
            logits = self.head(torch.cat([y[:, 0], plan], -1)).double()
            share = torch.softmax(logits / heat, -1).cumsum(-1)
            event = (share < draws[:, now, None] * share[:, -1:]).sum(-1).clamp(max=EVENTS - 1)
            written.append(event)
            nats.append(functional.cross_entropy(logits, event, reduction="none"))
        return torch.stack(written, 1), torch.stack(nats, 1)


class LongNetwork(nn.Module):
    """Sixteen bars of melody: eight latent vectors to one and back."""

    def __init__(self, settings: NetworkSettings) -> None:
        super().__init__()
        self.settings = s = settings
        self.mode = nn.Embedding(2, s.embedding)
        self.reader = nn.GRU(s.latent, s.long_hidden, batch_first=True, bidirectional=True)
        self.to_latent = nn.Linear(2 * s.long_hidden, 2 * s.long_latent)
        self.begin = nn.Linear(s.long_latent + s.embedding, s.long_hidden)
        self.conduct = nn.GRU(s.latent + s.long_latent + s.embedding, s.long_hidden, batch_first=True)
        self.to_window = nn.Linear(s.long_hidden + s.long_latent, s.latent)

    def encode(self, windows: Tensor) -> tuple[Tensor, Tensor]:
        """Read the latent vectors of sixteen bars, shape (batch, 8, latent), into mean and log variance of one."""
        _, last = self.reader(windows)
        mean, log_variance = self.to_latent(last.transpose(0, 1).reshape(len(windows), -1)).float().chunk(2, -1)
        return mean, log_variance.clamp(-10, 2)

    def forward(self, z: Tensor, minor: Tensor) -> Tensor:
        """Write the latent vectors of sixteen bars, each knowing the one before it, shape (batch, 8, latent)."""
        about = torch.cat([z, self.mode(minor)], -1)
        hidden = torch.tanh(self.begin(about))[None]
        before = torch.zeros(len(z), self.settings.latent, device=z.device)
        found = []
        for _ in range(SEGMENTS):
            y, hidden = self.conduct(torch.cat([before, about], -1)[:, None].contiguous(), hidden.contiguous())
            before = self.to_window(torch.cat([y[:, 0], z], -1)).float()
            found.append(before)
        return torch.stack(found, 1)
