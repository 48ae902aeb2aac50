"""Generator, refiner, critic and encoder, whole.

The generator draws four bars from one noise that all tracks share and one for each track, in part new in every bar, to
the chord of each beat; bass, chords and pad are drawn from its root. Shared layers widen time from bars to beats; each
track then has its own, and one linear map draws the four sixteenths and 48 pitches of a beat (a transposed convolution
whose kernel is its stride). The refiner adds to that and decides each cell by a binary neuron. The critic reads the
roll as it is heard: notes, chroma, and where anything begins.

References
----------
H.-W. Dong, W.-Y. Hsiao, L.-C. Yang and Y.-H. Yang, "MuseGAN", AAAI 2018; H.-W. Dong and Y.-H. Yang, "Convolutional
Generative Adversarial Networks with Binary Neurons for Polyphonic Music Generation", ISMIR 2018; I. Gulrajani et al.,
"Improved Training of Wasserstein GANs", NeurIPS 2017; A. B. L. Larsen et al., "Autoencoding beyond pixels using a
learned similarity metric", ICML 2016: an encoder beside the generator.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from pydantic import BaseModel, ConfigDict, Field
from segue.plugins.gan.harmony import CHORD, Progression, chord_table
from segue.plugins.gan.roll import BARS, BEATS, ONSET, PER_BEAT, PITCHES, SOUND, STEPS, TRACKS
from torch import Tensor, nn
from torch.nn import functional

_T = len(TRACKS)
CELLS = PER_BEAT * PITCHES * 2
"""Cells of a track in a beat."""


class NetworkSettings(BaseModel):
    """Sizes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    noise: int = Field(default=64, ge=1, description="Noise that the tracks share.")
    private: int = Field(default=16, ge=1, description="Noise of a track, and as much again for each of its bars.")
    style: int = Field(default=24, ge=1, description="Embedding of a style.")
    harmony: int = Field(default=64, ge=1, description="Memory of the chords before.")
    shared: int = Field(default=160, ge=8, description="Channels of the layers that tracks share.")
    track: int = Field(default=128, ge=8, description="Channels of a track's layers.")
    refiner: int = Field(default=48, ge=8, description="Channels of a track in the refiner.")
    critic: int = Field(default=192, ge=8, description="Channels of the critic.")


class _Round(torch.autograd.Function):
    """A deterministic binary neuron: one where the probability is above half; its gradient passes straight through."""

    @staticmethod
    def forward(ctx: Any, probability: Tensor) -> Tensor:
        return (probability > 0.5).to(probability.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return gradients[0]


class ByTrack(nn.Module):
    """A convolution along the beats that each track has for itself, by one batched matrix product."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 1) -> None:
        super().__init__()
        self.kernel = kernel
        self.weight = nn.Parameter(torch.randn(_T, kernel * inputs, outputs) / (kernel * inputs) ** 0.5)
        self.bias = nn.Parameter(torch.zeros(_T, 1, outputs))

    def forward(self, x: Tensor) -> Tensor:
        """Take (tracks, batch, beats, inputs) to (tracks, batch, beats, outputs)."""
        size = x.shape[1]
        if self.kernel == 3:
            x = functional.pad(x, (0, 0, 1, 1))
            x = torch.cat([x[:, :, :-2], x[:, :, 1:-1], x[:, :, 2:]], -1)
        return torch.baddbmm(self.bias, x.flatten(1, 2), self.weight).view(_T, size, BEATS, -1)


class NormByTrack(nn.Module):
    """Batch normalisation of each track's channels, and a rectifier."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(_T * channels)

    def forward(self, x: Tensor) -> Tensor:
        """Keep the shape (tracks, batch, beats, channels)."""
        _, size, beats, channels = x.shape
        flat = x.permute(1, 2, 0, 3).reshape(size * beats, _T * channels)
        return functional.relu(self.norm(flat)).view(size, beats, _T, channels).permute(2, 0, 1, 3)


def noise_size(settings: NetworkSettings) -> int:
    """Return how many normal numbers a phrase is drawn from, its chords aside."""
    return settings.noise + _T * settings.private * (1 + BARS)


class Generator(nn.Module):
    """Noise and style to the logit of each cell, or to the cells."""

    def __init__(self, settings: NetworkSettings, styles: int) -> None:
        super().__init__()
        self.settings = s = settings
        self.register_buffer("threshold", torch.zeros(styles, _T, 3))
        self.register_buffer("alone", torch.zeros(styles, _T, 2))
        self.register_buffer("chords", chord_table(), persistent=False)
        self.progression = Progression(s.harmony, styles)
        self.style = nn.Embedding(styles, s.style)
        self.bars = nn.Sequential(nn.Linear(s.noise + s.style, BARS * s.shared), nn.ReLU())
        self.widen = nn.Sequential(
            nn.ConvTranspose1d(s.shared, s.shared, 2, 2),
            nn.BatchNorm1d(s.shared),
            nn.ReLU(),
            nn.ConvTranspose1d(s.shared, s.shared, 2, 2),
            nn.BatchNorm1d(s.shared),
            nn.ReLU(),
            nn.Conv1d(s.shared, s.shared, 3, padding=1),
            nn.BatchNorm1d(s.shared),
            nn.ReLU(),
        )
        self.place = nn.Parameter(torch.randn(s.shared, BEATS) * 0.1)
        each = s.shared + 2 * s.private + s.style + CHORD
        self.tracks = nn.Sequential(
            ByTrack(each, s.track, 3), NormByTrack(s.track), ByTrack(s.track, s.track, 3), NormByTrack(s.track)
        )
        self.draw = ByTrack(s.track, CELLS)
        self.refine = nn.Sequential(
            ByTrack(CELLS, s.refiner, 3),
            nn.ReLU(),
            ByTrack(s.refiner, s.refiner, 3),
            nn.ReLU(),
            ByTrack(s.refiner, CELLS),
        )
        nn.init.constant_(self.draw.bias, -2.0)  # a roll is nearly empty
        nn.init.zeros_(cast(Tensor, self.refine[-1].weight))

    def forward(self, noise: Tensor, chords: Tensor, style: Tensor, *, binary: bool) -> Tensor:
        """Draw phrases.

        Parameters
        ----------
        noise : Tensor, shape (batch, noise_size)
        chords : Tensor of int, shape (batch, beats)
        style : Tensor of int, shape (batch,)
        binary
            Whether to refine and decide; else cells are logits.

        Returns
        -------
        Tensor, shape (tracks, batch, beats, CELLS)
            Bass, chords and pad from the root of each beat's chord (``roll.from_root``).
        """
        s, size = self.settings, len(noise)
        style = self.style(style)
        shared, whole, by_bar = torch.split(noise, [s.noise, _T * s.private, _T * s.private * BARS], 1)
        x = self.bars(torch.cat([shared, style], 1)).view(size, s.shared, BARS)
        x = (self.widen(x) + self.place).transpose(1, 2)  # (size, beats, shared)
        by_bar = by_bar.reshape(size, _T, BARS, s.private).repeat_interleave(BEATS // BARS, 2)
        own = torch.cat(
            [
                x[None].expand(_T, -1, -1, -1),
                whole.reshape(size, _T, 1, s.private).expand(-1, -1, BEATS, -1).transpose(0, 1),
                by_bar.transpose(0, 1),
                style[None, :, None].expand(_T, -1, BEATS, -1),
                cast(Tensor, self.chords)[chords][None].expand(_T, -1, -1, -1),
            ],
            3,
        )
        logits = self.draw(self.tracks(own)).float()
        if not binary:
            return cast(Tensor, logits)
        refined = self._refined(logits)
        return cast(Tensor, _Round.apply(torch.sigmoid(refined)))  # type: ignore[no-untyped-call]

    def _refined(self, logits: Tensor) -> Tensor:
        return cast(Tensor, logits + self.refine(torch.sigmoid(logits)).float())

    @torch.no_grad()
    def lean(self, noise: Tensor, chords: Tensor, style: Tensor) -> Tensor:
        """Return how far each neuron leans to firing, shape (batch, tracks, steps, pitches, 2).

        Where a style's track begins no more than one note at a time, only the one that leans most may.
        """
        refined = self._refined(self(noise, chords, style, binary=False))
        refined = refined.view(_T, len(noise), STEPS, PITCHES, 2).transpose(0, 1)
        begins, alone = refined[..., ONSET], cast(Tensor, self.alone)[style][..., ONSET, None, None] > 0
        begins.masked_fill_(alone & (begins < begins.amax(-1, keepdim=True)), -torch.inf)
        return refined

    @torch.no_grad()
    def compose(self, noise: Tensor, chords: Tensor, style: Tensor) -> Tensor:
        """Draw rolls, shape (batch, tracks, steps, pitches, 2), of bool, turned like those that are learnt from."""
        threshold, alone = (cast(Tensor, known)[style] for known in (self.threshold, self.alone))
        return fire(self.lean(noise, chords, style), threshold, alone)


def fire(lean: Tensor, threshold: Tensor, alone: Tensor) -> Tensor:
    """Decide which neurons fire.

    Something begins at a step if the strongest of its neurons says so; then all that begins there does, so that the
    notes of a chord are struck together and no single one is left between them.

    Parameters
    ----------
    lean : Tensor, shape (batch, tracks, steps, pitches, 2)
    threshold : Tensor, shape (batch, tracks, 3) or (tracks, 3)
        What it takes a note to begin, a note to sound, and a step to have one that begins.
    alone : Tensor, shape (batch, tracks, 2) or (tracks, 2)
        The second is 1 where a note that begins ends all others of its track.

    Returns
    -------
    Tensor of bool, shape of ``lean``
    """
    begins, sounds, strikes = threshold[..., None, None].unbind(-3)
    strongest = lean[..., ONSET].amax(-1, keepdim=True)
    struck = (lean[..., ONSET] > begins) & (strongest > strikes)
    ended = struck.any(-1, keepdim=True) & ~struck & (alone[..., SOUND, None, None] > 0)
    return torch.stack([struck, (lean[..., SOUND] > sounds) & ~ended], -1)


def _heard() -> Tensor:
    """Return the map from the cells of a beat to what is heard of each pitch class and begins in each sixteenth."""
    cells = torch.zeros(PER_BEAT, PITCHES, 2, 12 + PER_BEAT)
    pitch, step = torch.arange(PITCHES), torch.arange(PER_BEAT)
    cells[:, pitch, 1, pitch % 12] = 1
    cells[step, :, 0, 12 + step] = 1
    return cells.view(CELLS, -1)


class Critic(nn.Module):
    """How real a phrase of a style is."""

    def __init__(self, settings: NetworkSettings, styles: int) -> None:
        super().__init__()
        c = settings.critic
        self.register_buffer("heard", _heard(), persistent=False)
        self.style = nn.Embedding(styles, settings.style)
        self.read = ByTrack(CELLS, c // 2)
        self.register_buffer("chords", chord_table(), persistent=False)
        heard = _T * (c // 2) + _T * 12 + _T * PER_BEAT + settings.style + CHORD
        self.join = nn.Conv1d(heard, c, 3, padding=1)
        self.judge = nn.Sequential(
            nn.LeakyReLU(0.2),
            nn.Conv1d(c, c, 4, 2, padding=1),
            nn.LeakyReLU(0.2),
            nn.Conv1d(c, 2 * c, 4, 2, padding=1),
            nn.LeakyReLU(0.2),
            nn.Flatten(),
            nn.Linear(2 * c * BEATS // 4, c),
            nn.LeakyReLU(0.2),
        )
        self.score = nn.Linear(c, 1)
        self.belongs = nn.Embedding(styles, c)

    def forward(self, rolls: Tensor, chords: Tensor, style: Tensor) -> Tensor:
        """Judge phrases, shape (tracks, batch, beats, CELLS), to given chords and styles; returns shape (batch,)."""
        chroma, begins = torch.split(rolls @ cast(Tensor, self.heard), [12, PER_BEAT], -1)
        each = [functional.leaky_relu(self.read(rolls), 0.2), torch.tanh(chroma / 2), torch.tanh(begins)]
        heard = [part.permute(1, 0, 3, 2).flatten(1, 2) for part in each]
        heard += [self.style(style)[..., None].expand(-1, -1, BEATS), cast(Tensor, self.chords)[chords].transpose(1, 2)]
        x = self.judge(self.join(torch.cat(heard, 1)))
        return cast(Tensor, (self.score(x)[:, 0] + (self.belongs(style) * x).sum(1) / x.shape[1] ** 0.5).float())


class Encoder(nn.Module):
    """The noise that would draw a phrase: what the generator learns from before it meets the critic."""

    def __init__(self, settings: NetworkSettings, styles: int) -> None:
        super().__init__()
        c = settings.critic
        self.register_buffer("chords", chord_table(), persistent=False)
        self.style = nn.Embedding(styles, settings.style)
        self.read = ByTrack(CELLS, c // 2)
        self.join = nn.Sequential(
            nn.LeakyReLU(0.2),
            nn.Conv1d(_T * (c // 2) + settings.style + CHORD, c, 4, 2, padding=1),
            nn.LeakyReLU(0.2),
            nn.Conv1d(c, 2 * c, 4, 2, padding=1),
            nn.LeakyReLU(0.2),
            nn.Flatten(),
            nn.Linear(2 * c * BEATS // 4, 2 * noise_size(settings)),
        )

    def forward(self, rolls: Tensor, chords: Tensor, style: Tensor) -> tuple[Tensor, Tensor]:
        """Read phrases, shape (tracks, batch, beats, CELLS), into mean and log variance, shape (batch, noise_size)."""
        read = self.read(rolls).permute(1, 0, 3, 2).flatten(1, 2)
        known = cast(Tensor, self.chords)[chords].transpose(1, 2)
        x = torch.cat([read, self.style(style)[..., None].expand(-1, -1, BEATS), known], 1)
        mean, log_variance = torch.chunk(self.join(x).float(), 2, -1)
        return mean, log_variance.clamp(-8, 2)


def to_cells(rolls: Tensor) -> Tensor:
    """Fold rolls, shape (batch, tracks, steps, pitches, 2), into (tracks, batch, beats, CELLS)."""
    return rolls.transpose(0, 1).reshape(_T, len(rolls), BEATS, CELLS)
