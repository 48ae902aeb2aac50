"""A piece rewritten: the network writes all of it at once, and strength says how many bars are taken over."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from segue.music import Piece
from segue.music.melody import skyline
from segue.plugins.style.arrangement import Arrangement
from segue.plugins.style_gan.artifacts import Artifacts
from segue.plugins.style_gan.context import context_of
from segue.plugins.style_gan.decode import decode
from segue.plugins.style_gan.frames import Frames
from segue.plugins.style_gan.groove import Groove
from segue.plugins.style_gan.present import blend
from segue.plugins.style_gan.roll import shift_of
from segue.plugins.style_gan.sheet import Sheet, sheet_of

_NEAR: Final = 1e-3
_HALVINGS: Final = 16


@dataclass(frozen=True)
class Rewritten:
    """A piece in another style.

    Attributes
    ----------
    piece
        The piece.
    bars
        How many bars were rewritten.
    fitted
        Numbers of bars that are not of four quarter notes.
    """

    piece: Piece
    bars: int
    fitted: list[int]


def with_melody(arrangement: Arrangement) -> Arrangement:
    """Return the piece with its highest voice as the melody if none was heard: all of a piece of one voice."""
    if arrangement.melody.any():
        return arrangement
    highest = ~arrangement.piece.is_drum
    highest[highest] = skyline(arrangement.piece.without_drums())
    return replace(arrangement, melody=highest)


def rewrite(
    made: Artifacts,
    arrangement: Arrangement,
    style: str,
    *,
    strength: float = 1.0,
    seed: int = 0,
    drums: bool = True,
    looseness: float = 1.0,
) -> Rewritten:
    """Rewrite the accompaniment of a piece.

    Parameters
    ----------
    made
        What was trained.
    arrangement
        The piece; its melody stays.
    style
        One of ``made.styles``.
    strength
        Share of its bars that are rewritten, 0-1; a bar that is at some strength is at every higher one.
    seed
        Of the timing.
    drums, looseness
        Options.
    """
    sheet = sheet_of(arrangement)
    sounds = _sounding(arrangement)
    rewritten = _chosen(sounds, strength)
    written, beaten = write(made, sheet, style)
    if not drums:
        beaten = beaten[:0]
    swung, strum, loose = made.grooves[list(made.styles).index(style)]
    groove = Groove(swung, looseness * strum, looseness * loose)
    rng = np.random.default_rng((seed, 1))
    piece = blend(arrangement, sheet.frames, written, beaten, rewritten, style, groove, rng)
    return Rewritten(piece, int(rewritten.sum()), _fitted(sheet.frames, arrangement.bars, rewritten))


@torch.no_grad()
def write(made: Artifacts, sheet: Sheet, style: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return notes and drums that the network writes, each of shape (notes, 3): begin and end in steps, pitch."""
    cells, number = len(sheet.frames), list(made.styles).index(style)
    band = np.concatenate([sheet.band.reshape(cells, -1), sheet.drums.reshape(cells, -1)], axis=1)
    context = torch.from_numpy(context_of(sheet.frames))[None]
    heard = [torch.from_numpy(roll.reshape(cells, -1)).float()[None] for roll in (band, sheet.melody)]
    logits = made.generator(*heard, context, torch.tensor([number]))[0].numpy()
    return decode(logits, shift_of(sheet.frames.chord), made.textures[number])


def _sounding(arrangement: Arrangement) -> NDArray[np.bool_]:
    """Mark the bars in which anything with a pitch sounds: silence and drums alone stay."""
    piece, bars = arrangement.piece.without_drums(), arrangement.bars
    first = np.clip(np.searchsorted(bars, piece.start + _NEAR, side="right") - 1, 0, len(bars) - 2)
    last = np.clip(np.searchsorted(bars, piece.end - _NEAR, side="right") - 1, first, len(bars) - 2)
    change = np.bincount(first, minlength=len(bars)) - np.bincount(last + 1, minlength=len(bars))
    return np.asarray(np.cumsum(change)[:-1] > 0)


def _chosen(sounds: NDArray[np.bool_], strength: float) -> NDArray[np.bool_]:
    """Choose a share of the bars that sound, spread evenly, so that more strength only adds bars."""
    bars = np.flatnonzero(sounds)
    order = np.argsort([_spread(rank) for rank in range(len(bars))], kind="stable")
    chosen = np.zeros(len(sounds), bool)
    chosen[bars[order[: round(strength * len(bars))]]] = True
    return chosen


def _spread(rank: int) -> float:
    """Van der Corput's sequence: the first n of its values lie evenly for every n."""
    return sum(((rank >> place) & 1) * 0.5 ** (place + 1) for place in range(_HALVINGS))


def _fitted(frames: Frames, bars: NDArray[np.float64], rewritten: NDArray[np.bool_]) -> list[int]:
    """Return the numbers of bars that are rewritten though they are not four quarter notes long, but for a pickup."""
    first = int(frames.bar[0])
    found = np.flatnonzero(rewritten & (np.abs(np.diff(bars) - 4) > _NEAR)) + first
    return [int(number) for number in found if number > 0]
