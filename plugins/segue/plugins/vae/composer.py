"""From commissions to events: latent vectors drawn, varied or gone between, and played by the decoder, many at once.

Every matrix product has a fixed number of rows, so that a piece does not depend on what is composed beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from segue.music import Piece
from segue.music.keys import guess_key
from segue.plugins.vae.artifacts import Artifacts
from segue.plugins.vae.attributes import REGISTER
from segue.plugins.vae.commission import Commission
from segue.plugins.vae.ending import VARIED, best
from segue.plugins.vae.network import SEGMENTS
from segue.plugins.vae.tokens import BAR, HOLD, PER_BEAT, STRIKE, WINDOW, home_shift, to_notes

ROWS: Final = 16
_LONG_BARS: Final = 2 * SEGMENTS
_KINSHIP: Final = 0.8
"""Correlation of a further sixteen bars with the first."""
_OPEN: Final = 0.3
"""How much of what the network of sixteen bars leaves open of each two is drawn. Without it two bars are as alike as no
real melody's are; with all of it they have nothing to do with each other."""
_TURNS: Final = 4
"""How often a piece is drawn to be heard in its key."""
_TONIC: Final = (0, 9)
"""Pitch class of the tonic in C major and in A minor."""
_PURPOSES: Final = 8


@dataclass(frozen=True)
class Draft:
    """A composed piece.

    Attributes
    ----------
    events
        In C major or A minor.
    log_likelihood
        Mean over its notes, in nats, of the events given the latent vectors.
    """

    events: NDArray[np.int64]
    log_likelihood: float


class Chance(NamedTuple):
    """What a piece is drawn by: commission, number in it, how often it was tried before, and which turn it is."""

    commission: Commission
    number: int
    tried: int
    turn: int = 0

    def rng(self, purpose: int) -> np.random.Generator:
        """Return chances for one of a few purposes; the steps between two melodies share theirs."""
        number = self.number if len(self.commission.given) != 2 else 0
        return np.random.default_rng((self.commission.seed, purpose + _PURPOSES * self.turn, number, self.tried))


class Composer:
    """Composes with trained networks."""

    def __init__(self, made: Artifacts) -> None:
        self._made = made

    def compose(self, wanted: Sequence[tuple[Commission, int, int]]) -> list[Draft]:
        """Compose pieces: for each a commission, the piece's index in it, and how often it was tried before.

        A new piece that is to close is drawn until it is heard in its key, ``_TURNS`` times at most, and else the first
        is kept: melodies in C major and in A minor share their notes.
        """
        drafts = self._draw([Chance(*each) for each in wanted])
        unheard = [number for number, (c, _, _) in enumerate(wanted) if c.closes and not _in_key(c, drafts[number])]
        for turn in range(1, _TURNS):
            others = self._draw([Chance(*wanted[number], turn) for number in unheard])
            heard = {n: other for n, other in zip(unheard, others, strict=True) if _in_key(wanted[n][0], other)}
            drafts = [heard.get(number, draft) for number, draft in enumerate(drafts)]
            unheard = [number for number in unheard if number not in heard]
        return drafts

    def _draw(self, chances: Sequence[Chance]) -> list[Draft]:
        """Compose a piece for each chance."""
        if not chances:
            return []
        paths = [self._path(chance) for chance in chances]
        counts = [len(path) for path in paths]
        minor = np.repeat([chance.commission.minor for chance in chances], counts)
        heat = np.repeat([chance.commission.temperature for chance in chances], counts)
        draws = [np.tile(chance.rng(2).random(WINDOW), (n, 1)) for chance, n in zip(chances, counts, strict=True)]
        events, nats = self.write(np.concatenate(paths), minor, np.concatenate(draws), heat)
        ends = np.cumsum(counts)[:-1]
        drafts = []
        for chance, path, rows, each in zip(chances, paths, np.split(events, ends), np.split(nats, ends), strict=True):
            length = chance.commission.bars * BAR
            line, spent = rows.reshape(-1)[:length], each.reshape(-1)[:length]
            if chance.commission.closes:
                line, spent = self._closed(chance, path[-1], line, spent)
            drafts.append(Draft(line, -float(spent.sum()) / max(int((line >= STRIKE).sum()), 1)))
        return drafts

    def _closed(
        self, chance: Chance, z: NDArray[np.float64], line: NDArray[np.int64], nats: NDArray[np.float64]
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return a piece, and the nats of its events, with the best of endings near that of its plan."""
        c, rng, ways = chance.commission, chance.rng(4), len(VARIED)
        near = np.stack([self._varied(c, z, strength, rng) for strength in VARIED])
        near = np.stack([self._made.space.condition(one, c.minor, self._sliders(c)) for one in near])
        draws, heat = rng.random((ways, WINDOW)), np.full(ways, c.temperature)
        windows, spent = self.write(near, np.full(ways, c.minor), draws, heat)
        begins = (len(line) - 1) // WINDOW * WINDOW
        windows = windows[:, : len(line) - begins]
        found = best(windows, line[:begins], _TONIC[int(c.minor)])
        if found is None:
            return line, nats
        which, place = found
        rested, nats = np.full_like(line, HOLD), nats.copy()
        rested[:begins], nats[begins:] = line[:begins], 0.0
        rested[begins : begins + place + 1] = windows[which, : place + 1]
        nats[begins : begins + place + 1] = spent[which, : place + 1]
        return rested, nats

    @torch.no_grad()
    def encode(self, events: NDArray[np.int64], minor: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Return the latent vectors of windows, shape (windows, latent)."""
        parts = _chunks(events, minor.astype(np.int64))
        found = [
            self._made.short.encode(torch.from_numpy(e), torch.from_numpy(m))[0].double().numpy() for e, m in parts
        ]
        return np.asarray(np.concatenate(found)[: len(events)])

    @torch.no_grad()
    def write(
        self, z: NDArray[np.float64], minor: NDArray[np.bool_], draws: NDArray[np.float64], heat: NDArray[np.float64]
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Play latent vectors: events and the nats of each, both shape (windows, 32)."""
        found = [
            self._made.short.write(*(torch.from_numpy(part) for part in parts))
            for parts in _chunks(z.astype(np.float32), minor.astype(np.int64), draws, heat)
        ]
        events, nats = (torch.cat(column).numpy()[: len(z)] for column in zip(*found, strict=True))
        return events, nats

    @torch.no_grad()
    def conduct(self, z: NDArray[np.float64], minor: bool) -> NDArray[np.float64]:
        """Return the eight latent vectors of sixteen bars, shape (8, latent)."""
        rows = torch.from_numpy(np.tile(z, (ROWS, 1))).float()
        windows = self._made.long(rows, torch.full((ROWS,), int(minor)))[0]
        return np.asarray(windows.double().numpy())

    def _path(self, chance: Chance) -> NDArray[np.float64]:
        """Return the latent vector of every two bars of a piece, shape (windows, latent)."""
        space, c = self._made.space, chance.commission
        windows = -(-c.bars * BAR // WINDOW)
        rng = chance.rng(3)
        if len(c.given) == 2:
            first, last = (self._encode_given(c, number) for number in (0, 1))
            path = slerp(first, last, chance.number / (c.count - 1))
        elif c.given:
            path = self._varied(c, self._encode_given(c, 0), c.strength, rng)
        elif windows == 1:
            path = space.draw(rng, c.minor, c.spread)[None]
        else:
            path = self._long_path(c, rng)[:windows]
        return np.stack([space.condition(z, c.minor, self._sliders(c)) for z in path])

    def _varied(
        self, commission: Commission, z: NDArray[np.float64], strength: float, rng: np.random.Generator
    ) -> NDArray[np.float64]:
        """Return latent vectors as far from some, all the same way, as ``strength`` says."""
        space, c = self._made.space, commission
        mean = space.mean[int(c.minor)]
        noise = space.factor[int(c.minor)] @ rng.standard_normal(len(mean))
        return np.asarray(mean + np.sqrt(1 - strength**2) * (z - mean) + strength * c.spread * noise)

    def _sliders(self, commission: Commission) -> dict[int, float]:
        """Return where sliders stand for what is moved to its key afterwards."""
        c, sliders = commission, dict(commission.sliders)
        if REGISTER in sliders:
            sliders[REGISTER] = self._made.space.moved(REGISTER, sliders[REGISTER], home_shift(c.tonic, c.minor))
        return sliders

    def _long_path(self, commission: Commission, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return latent vectors drawn sixteen bars at a time in the form of a real melody.

        Each further stretch is akin to the first, and of its form.
        """
        made, c = self._made, commission
        form = made.forms[rng.integers(len(made.forms))]
        mean = made.long_space.mean[int(c.minor)]
        first = made.long_space.draw(rng, c.minor, c.spread) - mean
        first_open = self._draw_open(rng)
        stretches = [(first, first_open)]
        for _ in range(-(-c.bars // _LONG_BARS) - 1):
            fresh = made.long_space.draw(rng, c.minor, c.spread) - mean
            stretches.append((_akin(first, fresh), _akin(first_open, self._draw_open(rng))))
        paths = [self.conduct(mean + whole, c.minor) + c.spread * _OPEN * left for whole, left in stretches]
        return np.concatenate([path[form] for path in paths])

    def _draw_open(self, rng: np.random.Generator) -> NDArray[np.float64]:
        """Draw what the network of sixteen bars leaves open of each two, shape (8, latent)."""
        return rng.standard_normal((SEGMENTS, len(self._made.open))) @ self._made.open.T

    def _encode_given(self, commission: Commission, number: int) -> NDArray[np.float64]:
        given = commission.given[number]
        windows = given.events.reshape(-1, WINDOW)
        return self.encode(windows, np.full(len(windows), given.key >= 12))


def slerp(a: NDArray[np.float64], b: NDArray[np.float64], share: float) -> NDArray[np.float64]:
    """Go from vectors to others along a great circle, row by row; their lengths go along a line."""
    long_a, long_b = (np.linalg.norm(x, axis=-1, keepdims=True) for x in (a, b))
    unit_a, unit_b = a / np.maximum(long_a, 1e-9), b / np.maximum(long_b, 1e-9)
    angle = np.arccos(np.clip((unit_a * unit_b).sum(-1, keepdims=True), -1, 1))
    sine = np.where(np.sin(angle) < 1e-6, 1.0, np.sin(angle))
    near = np.sin(angle) < 1e-6
    of_a = np.where(near, 1 - share, np.sin((1 - share) * angle) / sine)
    of_b = np.where(near, share, np.sin(share * angle) / sine)
    return np.asarray(((1 - share) * long_a + share * long_b) * (of_a * unit_a + of_b * unit_b))


def _akin(first: NDArray[np.float64], fresh: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(_KINSHIP * first + np.sqrt(1 - _KINSHIP**2) * fresh)


def _in_key(commission: Commission, draft: Draft) -> bool:
    """Return whether a key finder hears C major or A minor, as it should."""
    begin, end, pitch = to_notes(draft.events).T
    heard = guess_key(Piece.of(begin / PER_BEAT, (end - begin) / PER_BEAT, pitch))
    return heard == _TONIC[int(commission.minor)] + 12 * commission.minor


def _chunks(*arrays: NDArray[Any]) -> list[list[NDArray[Any]]]:
    """Cut arrays into parts of ``ROWS`` rows, the last filled up with its own last row."""
    size = -(-len(arrays[0]) // ROWS) * ROWS
    filled = [np.concatenate([array, np.repeat(array[-1:], size - len(array), axis=0)]) for array in arrays]
    return [[array[at : at + ROWS] for array in filled] for at in range(0, size, ROWS)]
