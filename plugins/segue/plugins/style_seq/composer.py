"""Composing an accompaniment: the trained network run element by element, parts and sections of a piece side by side.

A section is eight bars. Every other section is composed first, knowing nothing of the accompaniment around it; the
others then go on from the bar before them. All rows of a network pass belong to one piece, so that its notes do not
depend on what else is asked for at the same time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, cast

import numpy as np
import torch
from numpy.typing import NDArray
from segue.plugin_api.sampling import draw_tokens
from segue.plugins.style_seq.batches import SECTION, phases
from segue.plugins.style_seq.content import HALVES, Content
from segue.plugins.style_seq.elements import (
    BAR,
    FIELD_SIZES,
    FIRST_PLACE,
    LENGTH,
    LOWEST,
    PITCH,
    PITCHES,
    PLACE,
    PLACE_STEPS,
    PLACES,
    Elements,
    root_pitch,
    write,
)
from segue.plugins.style_seq.network import Bars, Layer, Network, attend, half_of
from segue.plugins.transformer.elements import LENGTHS
from segue.plugins.transformer.network import rotate, rotation
from torch import Tensor, nn
from torch.nn.functional import silu

MOST_IN_BAR: Final = 56
_LONGEST: Final = (SECTION + 1) * (MOST_IN_BAR + 1) + 1
_ROWS: Final = 64
"""Rows of a network pass at most, which bounds memory: 1.6 MB a row."""
_HUMAN: Final = 0.8
"""Least temperature of loudness and nudge: what is likeliest everywhere is a machine's evenness."""
_HALF: Final = 6
"""Twelfths of a quarter note in a half beat."""
_GROWTH: Final = 64
"""Elements by which the caches of keys and values grow."""


@dataclass(frozen=True)
class Player:
    """A part that is to be composed.

    Attributes
    ----------
    style : Tensor, shape (style,)
        As ``Network.style_of`` returns it.
    drums, low, high
        Whether it is a drum kit, and the MIDI pitches that it may play.
    notes
        About how many notes it plays in a bar.
    """

    style: Tensor
    drums: bool
    low: int
    high: int
    notes: float

    def permitted(self) -> NDArray[np.bool_]:
        """Say for each root which values of the field PITCH may be played, shape (12, FIELD_SIZES[PITCH])."""
        mask = np.zeros((12, FIELD_SIZES[PITCH]), bool)
        if self.drums:
            mask[:, 1 + PITCHES :] = True
            return mask
        pitch = root_pitch(np.arange(12))[:, None] + LOWEST + np.arange(PITCHES)
        mask[:, 1 : 1 + PITCHES] = (pitch >= self.low) & (pitch <= self.high)
        return mask


@dataclass(frozen=True)
class Plan:
    """What is to be composed.

    Attributes
    ----------
    content
        Of the piece's bars.
    silent : ndarray of bool, shape (bars,)
        Bars without accompaniment.
    players
        The parts.
    temperature, top_p
        How fields are drawn; loudness and nudge are drawn more freely.
    seed
        Of what is drawn; the same bar content gets the same draws wherever it stands in a group of four bars.
    cycle
        Place of the first bar in the cycle of four bars that patterns have, 0-3.
    drafts
        How often each section is composed; the draft most like the others is kept [1]_: the one most usual as a whole,
        where the likeliest element after element may be a mixture that nobody plays.

    References
    ----------
    .. [1] S. Kumar and W. Byrne, "Minimum Bayes-risk decoding for statistical machine translation", NAACL 2004.
    """

    content: Content
    silent: NDArray[np.bool_]
    players: tuple[Player, ...]
    temperature: float
    top_p: float
    seed: int
    cycle: int = 0
    drafts: int = 1


@dataclass(frozen=True)
class _Row:
    """A draft of a section of a part: its first bar, the bar before it if that is given, and the given elements."""

    player: int
    draft: int
    first: int
    bars: int
    given: Elements


class Composer:
    """Plays accompaniments with a network.

    Attributes
    ----------
    network
        The network.
    """

    def __init__(self, network: Network) -> None:
        self.network = network.eval()

    @torch.inference_mode()
    def compose(self, plan: Plan) -> Iterator[float | list[NDArray[np.int64]]]:
        """Yield the share that is done now and then, and at last the rows of each part (``elements.to_rows``)."""
        starts = range(0, len(plan.content), SECTION)
        done: dict[tuple[int, int], NDArray[np.int64]] = {}
        waves = [[start for start in starts if start // SECTION % 2 == odd] for odd in (0, 1)]
        finished, total = 0, len(starts) * len(plan.players) * plan.drafts
        for wave in waves:
            rows = [
                self._row(plan, player, draft, start, done)
                for start in wave
                for player in range(len(plan.players))
                for draft in range(plan.drafts)
            ]
            drafts: dict[tuple[int, int], list[NDArray[np.int64]]] = defaultdict(list)
            rows.sort(key=lambda row: -plan.players[row.player].notes)
            for at in range(0, len(rows), _ROWS):
                chosen = rows[at : at + _ROWS]
                for part in _Pass(self.network, plan, chosen).run():
                    if isinstance(part, float):
                        yield (finished + part * len(chosen)) / max(total, 1)
                    else:
                        for place, own in part:
                            drafts[place].append(own)
                finished += len(chosen)
            done |= {place: most_usual(own) for place, own in drafts.items()}
        none = np.zeros((0, 6), np.int64)
        yield [np.concatenate([none, *(done[p, s] for s in starts)]) for p in range(len(plan.players))]

    def _row(
        self, plan: Plan, player: int, draft: int, start: int, done: dict[tuple[int, int], NDArray[np.int64]]
    ) -> _Row:
        bars = min(SECTION, len(plan.content) - start)
        before = done.get((player, start - SECTION))
        if before is None:
            return _Row(player, draft, start, bars, np.array([[BAR, 0, 0, 0, 0]]))
        return _Row(player, draft, start - 1, bars + 1, write(before, start - 1, 1))


def most_usual(drafts: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    """Return the draft that shares most notes, by bar, place and pitch, with the others."""
    notes = [set(map(tuple, draft[:, :3].tolist())) for draft in drafts]
    shared = [sum(2 * len(one & other) / max(len(one) + len(other), 1) for other in notes) for one in notes]
    return drafts[int(np.argmax(shared))]


class _Pass:
    """Some sections composed side by side."""

    def __init__(self, network: Network, plan: Plan, rows: Sequence[_Row]) -> None:
        self._network, self._plan, self._rows = network, plan, list(rows)
        settings = network.settings
        count, most = len(rows), SECTION + 1
        size = settings.width // settings.heads
        self._cosine, self._sine = rotation(torch.arange(_LONGEST), size)
        self._keys = self._values = torch.zeros(settings.layers, count, 0, settings.groups, size)
        players = [plan.players[row.player] for row in rows]
        self._style = torch.stack([player.style for player in players])
        self._tuning = [cast(Layer, layer).tuning(self._style[:, None]) for layer in network.layers]
        self._permitted = np.stack([player.permitted() for player in players])
        tables = [plan.content.table(row.first, most) for row in rows]
        lively = np.stack([np.pad(plan.content.lively[row.first : row.first + most], (0, most))[:most] for row in rows])
        phase = np.stack([phases(row.first, most, len(plan.content), plan.cycle) for row in rows])
        self._roots = np.stack([table[:, :HALVES, 0] for table, _ in tables])
        bars = Bars(
            torch.from_numpy(np.stack([table for table, _ in tables])),
            torch.from_numpy(np.stack([chroma for _, chroma in tables])).float(),
            torch.from_numpy(phase),
            torch.from_numpy(lively),
        )
        self._halves, self._whole = network.read_bars(bars)
        self._draws = np.stack(
            [np.random.default_rng((plan.seed, row.player, row.draft)).random((4, MOST_IN_BAR + 1, 5)) for row in rows]
        )
        self._ringing = plan.content.ringing()
        self._silent = np.stack([np.pad(plan.silent[row.first : row.first + most], (0, most))[:most] for row in rows])
        self._written = [list(row.given[:1]) for row in rows]
        self._last = np.stack([row.given[0] for row in rows])
        self._bar = np.zeros(count, np.int64)
        self._notes = np.zeros(count, np.int64)
        self._live = np.arange(count)

    def run(self) -> Iterator[float | list[tuple[tuple[int, int], NDArray[np.int64]]]]:
        """Yield the share that is done at times, and at last the notes of each section."""
        total = sum(row.bars for row in self._rows)
        for place in range(_LONGEST - 1):
            if not len(self._live):
                break
            state = self._advance(place)
            given = np.array([place + 1 < len(self._rows[row].given) for row in self._live])
            elements = self._draw(state) if not given.all() else np.zeros((len(given), 5), np.int64)
            for index in np.flatnonzero(given).tolist():
                elements[index] = self._rows[self._live[index]].given[place + 1]
            self._take(elements)
            if place % 16 == 15:
                yield sum(min(w, row.bars) for w, row in zip(self._bars_written(), self._rows, strict=True)) / total
        yield [((row.player, self._start(row)), self._found(index)) for index, row in enumerate(self._rows)]

    def _bars_written(self) -> list[int]:
        return [sum(int(element[PLACE] == BAR) for element in own) - 1 for own in self._written]

    def _start(self, row: _Row) -> int:
        return row.first + (len(row.given) > 1)

    def _found(self, index: int) -> NDArray[np.int64]:
        """Return the notes of a section as rows, the given bar left out."""
        row, elements = self._rows[index], np.stack(self._written[index])
        bar = row.first + np.cumsum(elements[:, PLACE] == BAR) - 1
        notes = (elements[:, PLACE] != BAR) & (bar >= self._start(row))
        return np.concatenate([bar[notes, None], elements[notes]], 1)

    def _advance(self, place: int) -> Tensor:
        """Run the last element of every live row through the network; shape (rows, width)."""
        network = self._network
        if place == self._keys.shape[2]:
            more = torch.zeros(*self._keys.shape[:2], _GROWTH, *self._keys.shape[3:])
            self._keys, self._values = (torch.cat([cache, more], 2) for cache in (self._keys, self._values))
        row = torch.arange(len(self._live))
        whole = self._whole[row, torch.from_numpy(self._bar)]
        x = network.embed(torch.from_numpy(self._last), whole)[:, None]
        turn = self._cosine[place : place + 1], self._sine[place : place + 1]
        mask = torch.zeros(())
        for index, module in enumerate(network.layers):
            layer = cast(Layer, module)
            scale, shift, inner_scale, inner_shift = self._tuning[index]
            query, key, value = layer.parts(layer.project(layer.norms[0](x) * (1 + scale) + shift))
            query, key = rotate(query, turn), rotate(key, turn)
            self._keys[index, :, place], self._values[index, :, place] = key[:, 0], value[:, 0]
            seen = attend(query, self._keys[index, :, : place + 1], self._values[index, :, : place + 1], mask)
            x = x + layer.out(seen)
            gate, value = layer.up(layer.norms[1](x) * (1 + inner_scale) + inner_shift).chunk(2, -1)
            x = x + layer.down(silu(gate) * value)
        found: Tensor = network.norm(x[:, 0])
        return found

    def _draw(self, state: Tensor) -> Elements:
        """Draw the next element of every live row."""
        heads, plan = self._network.heads, self._plan
        count = len(self._live)
        rows = np.arange(count)
        chosen = np.zeros((count, 5), np.int64)
        draws = self._draws[rows, (self._first() + self._bar) % 4, np.minimum(self._notes, MOST_IN_BAR)]
        top_p = np.full((count, 1), plan.top_p)
        x = heads.start(state) + heads.style(self._style)
        for field in range(5):
            permitted = self._allowed(field, chosen)
            logits = heads.field(field, x).double().numpy()
            temperature = np.full((count, 1), plan.temperature if field <= LENGTH else max(plan.temperature, _HUMAN))
            chosen[:, field] = draw_tokens(logits, permitted, temperature, top_p, draws[:, field])
            if field < len(heads.chosen):
                picked = torch.from_numpy(chosen[:, field])
                x = x + cast(nn.Embedding, heads.chosen[field])(picked)
                if field == PLACE:
                    x = x + heads.beat(
                        self._halves[torch.from_numpy(rows), torch.from_numpy(self._bar), half_of(picked)]
                    )
        chosen[chosen[:, PLACE] == BAR, 1:] = 0
        return chosen

    def _first(self) -> NDArray[np.int64]:
        return np.array([self._rows[row].first for row in self._live])

    def _allowed(self, field: int, chosen: Elements) -> NDArray[np.bool_]:
        """Say which values a field may take: notes ascend in place and pitch, in the part's range."""
        count, rows = len(self._live), np.arange(len(self._live))
        mask = np.zeros((count, FIELD_SIZES[field]), bool)
        if field == PLACE:
            mask[:, BAR] = True
            open_ = ~self._silent[rows, self._bar] & (self._notes < MOST_IN_BAR)
            mask[:, FIRST_PLACE:] = open_[:, None] & (np.arange(PLACES) + FIRST_PLACE >= self._last[:, PLACE, None])
            at = np.maximum(self._last[:, PLACE], FIRST_PLACE)
            full = (self._last[:, PLACE] >= FIRST_PLACE) & ~self._above(at).any(1)
            mask[rows[full], at[full]] = False
        elif field == PITCH:
            same = chosen[:, PLACE] == self._last[:, PLACE]
            at = np.maximum(chosen[:, PLACE], FIRST_PLACE)
            mask = np.where(same[:, None], self._above(at), self._playable(at))
            mask[chosen[:, PLACE] == BAR] = True
        elif field == LENGTH:
            mask[:, 1:] = self._rings(chosen)
        else:
            mask[:, 1:] = True
        return mask

    def _rings(self, chosen: Elements) -> NDArray[np.bool_]:
        """Say which lengths a note may have: it ends where a chord comes that it does not belong to, or soon after."""
        rows, at = np.arange(len(self._live)), np.maximum(chosen[:, PLACE], FIRST_PLACE)
        half = half_of(torch.from_numpy(at)).numpy()
        pitch = chosen[:, PITCH] - 1 + LOWEST + root_pitch(self._roots[rows, self._bar, half])
        number = np.minimum((self._first() + self._bar) * HALVES + half, len(self._ringing) - 1)
        room = _HALF * (self._ringing[number, pitch % 12] + 1) - PLACE_STEPS[at - FIRST_PLACE] % _HALF
        free = (chosen[:, PITCH] > PITCHES) | (chosen[:, PLACE] == BAR)
        return np.asarray((room[:, None] >= LENGTHS) | free[:, None])

    def _playable(self, place: NDArray[np.int64]) -> NDArray[np.bool_]:
        rows = np.arange(len(self._live))
        half = half_of(torch.from_numpy(place)).numpy()
        return np.asarray(self._permitted[rows, self._roots[rows, self._bar, half]])

    def _above(self, place: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Say which pitches may be played above the last one."""
        return np.asarray(self._playable(place) & (np.arange(FIELD_SIZES[PITCH]) > self._last[:, PITCH, None]))

    def _take(self, elements: Elements) -> None:
        """Write the next element of every live row; rows that are complete leave."""
        line = elements[:, PLACE] == BAR
        for row, element in zip(self._live.tolist(), elements, strict=True):
            self._written[row].append(element)
        self._last = elements
        self._notes = np.where(line, 0, self._notes + 1)
        self._bar = self._bar + line
        stays = self._bar < np.array([self._rows[row].bars for row in self._live])
        if stays.all():
            return
        self._keep(stays)

    def _keep(self, stays: NDArray[np.bool_]) -> None:
        keep = torch.from_numpy(np.flatnonzero(stays))
        self._keys, self._values = self._keys[:, keep], self._values[:, keep]
        self._style, self._halves, self._whole = self._style[keep], self._halves[keep], self._whole[keep]
        self._tuning = [tuple(part[keep] for part in tuning) for tuning in self._tuning]
        for name in ("_permitted", "_roots", "_draws", "_silent", "_last", "_bar", "_notes", "_live"):
            setattr(self, name, getattr(self, name)[stays])
