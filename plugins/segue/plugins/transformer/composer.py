"""Composing: the trained network run element by element, for many pieces at once.

A piece's notes must not depend on which other pieces are in the batch. Matrix products round differently for different
numbers of rows, so every product here has exactly ``ROWS`` of them, idle rows being zero; each piece attends to a cache
of its own. Chance comes from numbers drawn when the piece is begun. The cache holds what the network was trained to
see; when it is nearly full, it is filled again from the prefix and the last bars, so that a step costs the same however
long the piece.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, cast

import numpy as np
import torch
from numpy.typing import NDArray
from segue.plugins.transformer import grammar
from segue.plugins.transformer.drawing import Draw
from segue.plugins.transformer.elements import BAR, FIELD_SIZES, PLACE, SLOT, Elements
from segue.plugins.transformer.grammar import Place
from segue.plugins.transformer.network import HYPERMETRE, REMAINING, Inputs, Layer, Network, rotate, rotation
from segue.plugins.transformer.segments import LONGEST, prefix
from segue.plugins.transformer.state import Cache, Plan, State
from segue.plugins.transformer.steering import tilt_of
from torch import Tensor, nn
from torch.nn.functional import linear, scaled_dot_product_attention, silu

ROWS: Final = 16
"""Rows of every matrix product: wide enough that a batch is much cheaper than its pieces one by one."""
_WIDE: Final = 64
"""Matrices of such widths are laid out as products of few rows read them, a quarter faster; with others the rounding of
a row would depend on where it is."""
ELEMENTS_OF_STEP: Final = 4
_FULL: Final = LONGEST - grammar.MOST_IN_BAR - 1
_KEPT: Final = LONGEST // 2


class Composer:
    """Steps pieces through a network.

    Parameters
    ----------
    network
        The trained network.
    device
        Where the matrix products run.
    """

    def __init__(self, network: Network, device: str = "cpu") -> None:
        self._network, self._device = network.to(device).eval(), torch.device(device)
        self._layers = [cast(Layer, layer) for layer in network.layers]
        for module in network.modules():
            if isinstance(module, nn.Linear) and module.out_features % _WIDE == 0:
                module.weight.data = module.weight.data.t().contiguous().t()
        size = network.settings.width // network.settings.heads
        self._cosine, self._sine = rotation(torch.arange(LONGEST, device=self._device), size)

    @torch.inference_mode()
    def begin(self, plan: Plan) -> State:
        """Open a piece; the bars at its beginning in which everything is given are read at once."""
        rules = plan.rules
        most = 2 + rules.bars * (grammar.MOST_IN_BAR + 1) + sum(len(given) for given in rules.given)
        elements = np.zeros((most, 5), np.int64)
        elements[0, PLACE] = BAR
        count, at = 1, Place()
        while at.bar < rules.bars - 1 and rules.given and not rules.free[at.bar].any():
            for element in (*rules.given[at.bar], np.array((BAR, 0, 0, 0, 0))):
                elements[count] = element
                count += 1
            at = Place(at.bar + 1)
        tilt = tilt_of(plan.asked, elements[:count], rules)
        state = State(plan, elements, count, at, self._caches(plan), 0, tilt)
        return replace(state, cached=self._fill(state))

    @torch.inference_mode()
    def advance(self, states: Sequence[State], elements: int = ELEMENTS_OF_STEP) -> list[State]:
        """Write the next elements of every piece that is not complete, and return the new states."""
        found = list(states)
        for _ in range(elements):
            live = [row for row, state in enumerate(found) if not state.done]
            if not live:
                break
            for row, state in zip(live, self._write([found[row] for row in live]), strict=True):
                found[row] = state
        return found

    def _caches(self, plan: Plan) -> tuple[Cache, ...]:
        """Return empty caches: one that is told the controls and, with guidance, one that is told none."""
        told = [plan.controls, np.zeros_like(plan.controls)][: 1 + (plan.guidance != 1)]
        return tuple(Cache(self._network, controls, self._device) for controls in told)

    def _fill(self, state: State) -> int:
        """Fill the caches with all but the last element, or the last bars of them; return how many are in them."""
        first, head = 0, prefix(state.plan.families)
        if len(head) + state.count > _FULL:
            lines = np.flatnonzero(state.written[:, PLACE] == BAR)
            first = int(lines[min(int(np.searchsorted(lines, state.count - _KEPT)), len(lines) - 1)])
        rows = np.concatenate([head, state.elements[first : state.count - 1]])
        bar = np.cumsum(state.written[:, PLACE] == BAR)[first : state.count - 1] - 1
        bars = np.concatenate([np.zeros(len(rows) - len(bar), np.int64), bar])
        places = torch.arange(len(rows), device=self._device)
        turn = self._cosine[places], self._sine[places]
        inputs = self._inputs(rows[None], bars[None], [state.plan])
        for cache in state.caches:
            x = self._network.embed(inputs, cache.told)
            for index, layer in enumerate(self._layers):
                query, key, value = layer.parts(layer.project(layer.attention_norm(x)))
                query, key = rotate(query, turn), rotate(key, turn)
                query, key, value = (part.transpose(1, 2) for part in (query, key, value))
                cache.both[index, :, : len(rows)] = torch.cat([key[0], value[0]])
                seen = scaled_dot_product_attention(query, key, value, is_causal=True, enable_gqa=True)
                x = x + layer.out(seen.transpose(1, 2).flatten(2))
                gate, value = layer.up(layer.inner_norm(x)).chunk(2, -1)
                x = x + layer.down(silu(gate) * value)
        return len(rows)

    def _inputs(self, fields: Elements, bars: NDArray[np.int64], plans: Sequence[Plan]) -> Inputs:
        """Describe elements, shape (B, T, 5), and the bar of each, shape (B, T), to the network."""
        families = np.zeros((len(plans), FIELD_SIZES[SLOT]), np.int64)
        for row, plan in enumerate(plans):
            families[row, 1 : len(plan.families) + 1] = np.array(plan.families) + 1
        after = np.array([plan.rules.bars for plan in plans])[:, None] - 1 - bars
        line = fields[..., PLACE] == BAR
        arrays = (
            fields,
            families[np.arange(len(plans))[:, None], fields[..., SLOT]],
            np.where(line & (after >= 0) & (after < REMAINING - 1), after + 1, 0),
            np.where(line, bars % HYPERMETRE, 0),
            np.stack([plan.controls for plan in plans]),
        )
        return Inputs(*(torch.from_numpy(array).to(self._device) for array in arrays))

    def _write(self, before: Sequence[State]) -> list[State]:
        states = [self._with_room(state) for state in before]
        rows = [(index, cache) for index, state in enumerate(states) for cache in range(len(state.caches))]
        plans = [states[index].plan for index, _ in rows]
        x = self._state_of_last(states, rows, plans)
        heads = self._network.heads
        x = _product(heads.start, x)
        first = [row for row, (_, cache) in enumerate(rows) if cache == 0]
        second = {index: row for row, (index, cache) in enumerate(rows) if cache == 1}
        draw = Draw(states)
        for field in range(len(FIELD_SIZES)):
            hidden = silu(_product(heads.hidden[field], heads.norms[field](x)))
            logits = _product(heads.logits[field], hidden)[: len(rows)].double().cpu().numpy()
            told = logits[first]
            guided = told.copy()
            for index, row in second.items():
                guided[index] = logits[row] + states[index].plan.guidance * (told[index] - logits[row])
            chosen = draw.field(field, told, guided)
            if field < len(heads.chosen):
                table = cast(nn.Embedding, heads.chosen[field])
                picked = torch.from_numpy(chosen[[index for index, _ in rows]]).to(self._device)
                x[: len(rows)] += table(picked)
                if field == SLOT:
                    family = [
                        0 if slot == 0 else plan.families[slot - 1] + 1
                        for plan, slot in zip(plans, chosen[[i for i, _ in rows]], strict=True)
                    ]
                    x[: len(rows)] += heads.family(torch.tensor(family, device=self._device))
        return draw.states()

    def _with_room(self, state: State) -> State:
        """Fill the caches anew from the last bars if the next bar might not fit."""
        if state.cached < _FULL or state.elements[state.count - 1, PLACE] != BAR:
            return state
        state = replace(state, caches=self._caches(state.plan))
        return replace(state, cached=self._fill(state))

    def _state_of_last(self, states: Sequence[State], rows: Sequence[tuple[int, int]], plans: Sequence[Plan]) -> Tensor:
        """Run the last element of every row through the network; return what it makes of it, shape (padded, width)."""
        owners = [states[index] for index, _ in rows]
        fields = np.stack([state.elements[state.count - 1 : state.count] for state in owners])
        bars = np.array([[state.at.bar] for state in owners])
        caches = [state.caches[cache] for state, (_, cache) in zip(owners, rows, strict=True)]
        told = torch.cat([cache.told for cache in caches])
        embedded = self._network.embed(self._inputs(fields, bars, plans), told)[:, 0]
        x = torch.zeros(-(-len(rows) // ROWS) * ROWS, embedded.shape[-1], device=self._device)
        x[: len(rows)] = embedded
        lengths = [state.cached for state in owners]
        places = torch.tensor(lengths + [0] * (len(x) - len(rows)), device=self._device)
        turn = self._cosine[places], self._sine[places]
        views = [cache.after(length) for cache, length in zip(caches, lengths, strict=True)]
        for index, layer in enumerate(self._layers):
            query, key, value = layer.parts(_product(layer.project, layer.attention_norm(x)))
            queries = rotate(query, turn).view(len(x), 1, layer.groups, -1, layer.size).unbind()
            news = torch.cat([rotate(key, turn), value], 1).unbind()
            attended = []
            for own, row, new in zip(views, queries, news, strict=False):  # without the idle rows
                here, keys, values = own[index]
                here.copy_(new)
                attended.append(scaled_dot_product_attention(row, keys, values))
            seen = torch.zeros_like(x)
            seen[: len(rows)] = torch.cat(attended).flatten(1)
            x = x + _product(layer.out, seen)
            gate, value = _product(layer.up, layer.inner_norm(x)).chunk(2, -1)
            x = x + _product(layer.down, silu(gate) * value)
        found: Tensor = self._network.norm(x)
        return found


def _product(layer: nn.Module, x: Tensor) -> Tensor:
    """Apply a linear layer to ``ROWS`` rows at a time."""
    own = cast(nn.Linear, layer)
    parts = [linear(x[row : row + ROWS], own.weight, own.bias) for row in range(0, len(x), ROWS)]
    return parts[0] if len(parts) == 1 else torch.cat(parts)
