"""Composing: the trained network run element by element, for many pieces at once.

A piece's notes must not depend on which other pieces are in the batch. Matrix products round differently for different
numbers of rows, so every product here has exactly ``ROWS`` of them, idle rows being zero; each piece attends to a cache
of its own. Chance comes from numbers drawn when the piece is begun. The cache holds what the network was trained to
see; when it is nearly full, it is filled again from the prefix and the last bars, so that a step costs the same however
long the piece.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, cast

import numpy as np
import torch
from numpy.typing import NDArray
from segue.plugin_api.sampling import draw_tokens
from segue.plugins.transformer import grammar
from segue.plugins.transformer.elements import BAR, FIELD_SIZES, FIRST_PLACE, PITCH, PLACE, SLOT, Elements
from segue.plugins.transformer.form import bring_back
from segue.plugins.transformer.grammar import Place, Rules
from segue.plugins.transformer.network import HYPERMETRE, REMAINING, Inputs, Layer, Network, rotate, rotation
from segue.plugins.transformer.segments import LONGEST, prefix
from segue.plugins.transformer.steering import UPRIGHT, Tilt, corrected, tilted
from torch import Tensor, nn
from torch.nn.functional import linear, scaled_dot_product_attention, silu

ROWS: Final = 8
"""Rows of every matrix product: wide enough that a batch is much cheaper than its pieces one by one."""
ELEMENTS_OF_STEP: Final = 4
_FULL: Final = LONGEST - grammar.MOST_IN_BAR - 1
_KEPT: Final = LONGEST // 2


@dataclass(frozen=True)
class Plan:
    """What is to be composed.

    Attributes
    ----------
    rules
        What the piece must be.
    families
        Family of each slot.
    controls
        Shape (len(CONTROLS),).
    draws
        Numbers in [0, 1), shape (elements, 5).
    temperature, top_p
        How fields are drawn.
    guidance
        1, or how much further than the controls' own effect to go.
    asked
        Figures that the piece is steered to.
    """

    rules: Rules
    families: tuple[int, ...]
    controls: NDArray[np.int64]
    draws: NDArray[np.float64]
    temperature: float = 1.0
    top_p: float = 1.0
    guidance: float = 1.0
    asked: Tilt = UPRIGHT


class Cache:
    """Keys and values of one sequence, shape (layers, groups, LONGEST, size); what is behind its length is not read."""

    def __init__(self, network: Network, device: torch.device) -> None:
        settings = network.settings
        shape = (settings.layers, settings.groups, LONGEST, settings.width // settings.heads)
        self.keys, self.values = torch.zeros(shape, device=device), torch.zeros(shape, device=device)


@dataclass(frozen=True)
class State:
    """A piece that is being composed; replaced by each step.

    Attributes
    ----------
    plan
        What is to be composed.
    elements, count
        What is written from the first bar line on; the first ``count`` rows count.
    at
        Where the next element comes.
    caches, cached
        One for the controls and, with guidance, one without; how many elements are in them, the prefix among them.
    tilt, missed
        How far scores are tilted, and the sum of what the bars so far missed.
    log_likelihood, composed
        Sum over the notes that were composed, and their number.
    """

    plan: Plan
    elements: Elements
    count: int
    at: Place
    caches: tuple[Cache, ...]
    cached: int
    tilt: Tilt = UPRIGHT
    missed: Tilt = UPRIGHT
    log_likelihood: float = 0.0
    composed: int = 0

    @property
    def done(self) -> bool:
        """Whether every bar is written."""
        return self.at.bar >= self.plan.rules.bars

    @property
    def written(self) -> Elements:
        """What is written."""
        return self.elements[: self.count]


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
        caches = tuple(Cache(self._network, self._device) for _ in range(1 + (plan.guidance != 1)))
        state = State(plan, elements, count, at, caches, 0)
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

    def _fill(self, state: State) -> int:
        """Fill the caches with all but the last element, or the last bars of them; return how many are in them."""
        first = 0
        if state.count > _FULL:
            lines = np.flatnonzero(state.written[:, PLACE] == BAR)
            first = int(lines[min(int(np.searchsorted(lines, state.count - _KEPT)), len(lines) - 1)])
        rows = np.concatenate([prefix(state.plan.families), state.elements[first : state.count - 1]])
        bar = np.cumsum(state.written[:, PLACE] == BAR)[first : state.count - 1] - 1
        told = np.concatenate([np.zeros(len(rows) - len(bar), np.int64), bar])
        places = torch.arange(len(rows), device=self._device)
        turn = self._cosine[places], self._sine[places]
        for cache, controls in zip(state.caches, _told(state.plan)[: len(state.caches)], strict=True):
            inputs = self._inputs(rows[None], told[None], [state.plan], controls[None])
            x = self._network.embed(inputs)
            for index, module in enumerate(self._network.layers):
                layer = cast(Layer, module)
                query, key, value = layer.parts(layer.project(layer.attention_norm(x)))
                query, key = rotate(query, turn), rotate(key, turn)
                query, key, value = (part.transpose(1, 2) for part in (query, key, value))
                cache.keys[index, :, : len(rows)], cache.values[index, :, : len(rows)] = key[0], value[0]
                seen = scaled_dot_product_attention(query, key, value, is_causal=True, enable_gqa=True)
                x = x + layer.out(seen.transpose(1, 2).flatten(2))
                gate, value = layer.up(layer.inner_norm(x)).chunk(2, -1)
                x = x + layer.down(silu(gate) * value)
        return len(rows)

    def _inputs(
        self, fields: Elements, bars: NDArray[np.int64], plans: Sequence[Plan], controls: NDArray[np.int64]
    ) -> Inputs:
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
            controls,
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
        draw = _Draw(states)
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
                x = x.clone()
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
        caches = tuple(Cache(self._network, self._device) for _ in state.caches)
        state = replace(state, caches=caches)
        return replace(state, cached=self._fill(state))

    def _state_of_last(self, states: Sequence[State], rows: Sequence[tuple[int, int]], plans: Sequence[Plan]) -> Tensor:
        """Run the last element of every row through the network; return what it makes of it, shape (padded, width)."""
        owners = [states[index] for index, _ in rows]
        fields = np.stack([state.elements[state.count - 1 : state.count] for state in owners])
        bars = np.array([[state.at.bar] for state in owners])
        controls = np.stack([_told(state.plan)[cache] for state, (_, cache) in zip(owners, rows, strict=True)])
        embedded = self._network.embed(self._inputs(fields, bars, plans, controls))[:, 0]
        x = torch.zeros(-(-len(rows) // ROWS) * ROWS, embedded.shape[-1], device=self._device)
        x[: len(rows)] = embedded
        lengths = [state.cached for state in owners]
        places = torch.tensor(lengths + [0] * (len(x) - len(rows)), device=self._device)
        turn = self._cosine[places], self._sine[places]
        caches = [state.caches[cache] for state, (_, cache) in zip(owners, rows, strict=True)]
        for index, module in enumerate(self._network.layers):
            layer = cast(Layer, module)
            query, key, value = layer.parts(_product(layer.project, layer.attention_norm(x)))
            query, key = rotate(query, turn), rotate(key, turn)
            seen = torch.zeros_like(x)
            for row, (cache, length) in enumerate(zip(caches, lengths, strict=True)):
                cache.keys[index, :, length], cache.values[index, :, length] = key[row], value[row]
                attended = scaled_dot_product_attention(
                    query[row].view(1, layer.groups, -1, layer.size),
                    cache.keys[index, None, :, : length + 1],
                    cache.values[index, None, :, : length + 1],
                )
                seen[row] = attended.reshape(-1)
            x = x + _product(layer.out, seen)
            gate, value = _product(layer.up, layer.inner_norm(x)).chunk(2, -1)
            x = x + _product(layer.down, silu(gate) * value)
        found: Tensor = self._network.norm(x)
        return found


class _Draw:
    """The next elements of some pieces, drawn field by field."""

    def __init__(self, states: Sequence[State]) -> None:
        self._before = states
        self._chosen = np.zeros((len(states), len(FIELD_SIZES)), np.int64)
        self._given = np.zeros(len(states), bool)
        self._log_p = np.zeros(len(states))
        self._temperature = np.array([[state.plan.temperature] for state in states])
        self._top_p = np.array([[state.plan.top_p] for state in states])
        self._draws = np.stack([state.plan.draws[state.count] for state in states])

    def field(self, field: int, told: NDArray[np.float64], guided: NDArray[np.float64]) -> NDArray[np.int64]:
        """Draw a field of every piece from its logits; ``told`` are those that the likelihood is of."""
        permitted = np.stack([self._permitted(row, field) for row in range(len(self._before))])
        for row, state in enumerate(self._before):
            if self._chosen[row, PLACE] != BAR:
                step = int(self._chosen[row, PLACE]) - FIRST_PLACE
                guided[row] = tilted(guided[row], field, state.tilt, state.at, step, state.plan.rules)
        picked = draw_tokens(guided, permitted, self._temperature, self._top_p, self._draws[:, field])
        top = told.max(1)
        log_p = told[np.arange(len(told)), picked] - top - np.log(np.exp(told - top[:, None]).sum(1))
        self._chosen[:, field] = picked
        self._log_p += np.where(permitted[:, 0], 0.0, log_p)
        if field == SLOT:
            self._take_given()
        return self._chosen[:, field]

    def _permitted(self, row: int, field: int) -> NDArray[np.bool_]:
        """Values that a field may take; 0 alone for fields that a bar line doesn't have, and one for given notes."""
        state, (place, slot, *_) = self._before[row], self._chosen[row].tolist()
        rules, at = state.plan.rules, state.at
        if field == PLACE:
            return grammar.places(rules, at)
        mask = np.zeros(FIELD_SIZES[field], bool)
        if self._given[row]:
            mask[self._chosen[row, field]] = True
        elif place == BAR:
            mask[0] = True
        elif field == SLOT:
            return grammar.slots(rules, at, place)
        elif field == 2:
            return grammar.pitches(rules, at, place, slot)
        elif field == 3:
            return grammar.lengths(rules, at, place, slot, int(self._chosen[row, PITCH]))
        else:
            mask[1:] = True
        return mask

    def _take_given(self) -> None:
        """Where the place and slot of the next given note were drawn, take that note."""
        for row, state in enumerate(self._before):
            given = grammar.next_given(state.plan.rules, state.at)
            if given is not None and (given[:2] == self._chosen[row, :2]).all():
                self._chosen[row], self._given[row] = given, True

    def states(self) -> list[State]:
        """Return the pieces with their new elements."""
        found = []
        for row, state in enumerate(self._before):
            element = self._chosen[row]
            state.elements[state.count] = element
            note = bool(element[PLACE] != BAR) and not self._given[row]
            plan, tilt, missed = state.plan, state.tilt, state.missed
            if element[PLACE] == BAR:
                tilt, missed = corrected(missed, plan.asked, state.written, plan.rules)
                plan = replace(plan, rules=bring_back(plan.rules, state.elements[: state.count + 1], state.at.bar + 1))
            found.append(
                replace(
                    state,
                    plan=plan,
                    count=state.count + 1,
                    cached=state.cached + 1,
                    at=state.at.after(element, bool(self._given[row])),
                    tilt=tilt,
                    missed=missed,
                    log_likelihood=state.log_likelihood + (float(self._log_p[row]) if note else 0.0),
                    composed=state.composed + note,
                )
            )
        return found


def _told(plan: Plan) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the controls, and none."""
    return plan.controls, np.zeros_like(plan.controls)


def _product(layer: nn.Module, x: Tensor) -> Tensor:
    """Apply a linear layer to ``ROWS`` rows at a time."""
    own = cast(nn.Linear, layer)
    parts = [linear(x[row : row + ROWS], own.weight, own.bias) for row in range(0, len(x), ROWS)]
    return parts[0] if len(parts) == 1 else torch.cat(parts)
