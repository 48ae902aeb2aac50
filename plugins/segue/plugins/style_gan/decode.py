"""From what the network leans to write to notes, by the texture of a style: how many voices, and when they speak.

A network that is unsure which note of a bass line comes next leans a little to several; by a threshold on each the line
would have holes. So where a style has one voice in its bass or above it, the leanings are added up to say *whether* it
speaks, and the strongest says which note. Where a style always has as many notes sounding, the strongest so many sound.
Elsewhere each note has a threshold of its own. All of this is measured on what is learnt from (``calibrate``).
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from segue.plugins.style_gan.frames import PER_CELL
from segue.plugins.style_gan.network import BAND
from segue.plugins.style_gan.roll import LOWEST, ONSET, PITCHES, SOUND, join_notes, read_drums

BASS_BELOW: Final = 52
_SILENT: Final = -30.0
_GOES_ON: Final = 1.0
"""Logits that speak for a note that sounds in a piece of steady voices."""
_ALL: Final = 128


class Part(NamedTuple):
    """When the notes of a range begin and sound.

    Attributes
    ----------
    alone
        Whether there is one voice; then the levels are of expected notes, else of single logits.
    begins, sounds
        Levels above which notes do.
    """

    alone: bool
    begins: float
    sounds: float


class Texture(NamedTuple):
    """How a style is written.

    Attributes
    ----------
    voices
        Notes that always sound together, 0 if that varies.
    bass, upper
        The ranges below and from E3 (52) on.
    drums
        Level of a drum's logit.
    """

    voices: int
    bass: Part
    upper: Part
    drums: float


def decode(
    logits: NDArray[np.float32], shift: NDArray[np.int64], texture: Texture
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Read notes and drums off what the network wrote.

    Parameters
    ----------
    logits : ndarray, shape (cells, WRITTEN)
    shift : ndarray of int, shape (cells,)
        Of the chord in each cell.
    texture
        Of the style.

    Returns
    -------
    ndarray of int, shape (notes, 3)
        Begin and end in steps, MIDI number.
    ndarray of int, shape (notes, 3)
        The same of drums.
    """
    real = at_pitches(logits[:, :BAND].reshape(-1, PER_CELL, PITCHES, 2), shift, _SILENT)
    drums = read_drums(logits[:, BAND:].reshape(len(shift), PER_CELL, -1) > texture.drums)
    if texture.voices:
        return _steady(real, texture), drums
    parts = ((texture.bass, 0, BASS_BELOW), (texture.upper, BASS_BELOW, _ALL))
    found = [_read_part(part, real[:, low:high], low) for part, low, high in parts]
    notes = np.concatenate(found)
    return notes[np.lexsort((notes[:, 2], notes[:, 0]))], drums


def at_pitches(roll: NDArray[np.float32], shift: NDArray[np.int64], empty: float) -> NDArray[np.float32]:
    """Count from C instead of from roots: (..., cells, steps, rows, layers) to (..., all steps, 128, layers)."""
    *batch, cells, steps, rows, layers = roll.shape
    pitch = np.arange(rows) + LOWEST + np.repeat(shift, steps, axis=-1)[..., None]
    real = np.full((*batch, cells * steps, _ALL, layers), empty, np.float32)
    flat = roll.reshape(*batch, cells * steps, rows, layers)
    np.put_along_axis(real, pitch[..., None], flat, axis=-2)
    return real


def expected(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return how many of the notes of the last axis are expected."""
    return np.asarray((1 / (1 + np.exp(-logits.astype(np.float64)))).sum(-1))


def _read_part(part: Part, real: NDArray[np.float32], low: int) -> NDArray[np.int64]:
    if part.alone:
        speaks = expected(real[..., ONSET]) > part.begins
        stays = expected(real[..., SOUND]) > part.sounds
        strongest = real[..., ONSET].argmax(-1)
        now = np.maximum.accumulate(np.where(speaks, np.arange(len(real)), -1))
        line = np.where(now >= 0, strongest[now], -1)  # the note that was struck last
        every = np.arange(real.shape[1])
        begins = speaks[:, None] & (line[:, None] == every)
        sounds = (speaks | stays)[:, None] & (line[:, None] == every)
    else:
        begins, sounds = real[..., ONSET] > part.begins, real[..., SOUND] > part.sounds
    return np.asarray(join_notes(begins, sounds) + np.array([0, 0, low]))


def _steady(real: NDArray[np.float32], texture: Texture) -> NDArray[np.int64]:
    """Let as many notes sound as there are voices, those that lean most; each begins anew where it must."""
    before = np.zeros(_ALL, bool)
    limit = np.where(np.arange(_ALL) < BASS_BELOW, texture.bass.begins, texture.upper.begins)
    struck = real[..., ONSET] > limit
    begins, sounds = np.zeros((2, len(real), _ALL), bool)
    for step, lean in enumerate(real[..., SOUND]):
        sounds[step, np.argsort(lean + _GOES_ON * before)[-texture.voices :]] = True
        begins[step] = sounds[step] & (~before | struck[step])
        before = sounds[step]
    return join_notes(begins, sounds)
