"""Drawing the next elements of many pieces, field by field: what may come, leaned and tilted scores, and chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from segue.plugin_api.sampling import draw_tokens
from segue.plugins.transformer import grammar
from segue.plugins.transformer.elements import BAR, FIELD_SIZES, FIRST_PLACE, GRID, LENGTH, PITCH, PLACE, SLOT, VELOCITY
from segue.plugins.transformer.form import bring_back
from segue.plugins.transformer.state import State
from segue.plugins.transformer.steering import CALL, tilt_of, tilted
from segue.plugins.transformer.voices import against, hear


class Draw:
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
        permitted = self._permitted(field)
        for row, state in enumerate(self._before):
            if field == SLOT:
                guided[row, 1 + state.silent] += CALL * state.at.bar
            elif self._chosen[row, PLACE] != BAR:
                step = int(self._chosen[row, PLACE]) - FIRST_PLACE
                guided[row] = tilted(guided[row], field, state.tilt, state.at, step, state.plan.rules)
                if field == PITCH and state.plan.rules.in_voices:
                    place, slot = self._chosen[row, [PLACE, SLOT]].tolist()
                    voices, lowest = hear(state.written, state.at.notes, place), slot == len(state.plan.families)
                    guided[row] -= against(voices, slot, on_beat=step % GRID == 0, lowest=lowest)
        picked = draw_tokens(guided, permitted, self._temperature, self._top_p, self._draws[:, field])
        top = told.max(1)
        log_p = told[np.arange(len(told)), picked] - top - np.log(np.exp(told - top[:, None]).sum(1))
        self._chosen[:, field] = picked
        self._log_p += np.where(permitted[:, 0], 0.0, log_p)
        if field == SLOT:
            self._take_given()
        return self._chosen[:, field]

    def _permitted(self, field: int) -> NDArray[np.bool_]:
        """Values that a field may take; 0 alone for fields that a bar line doesn't have, and one for given notes."""
        masks = np.zeros((len(self._before), FIELD_SIZES[field]), bool)
        masks[:, 1:] = field == VELOCITY
        for row, (state, chosen) in enumerate(zip(self._before, self._chosen.tolist(), strict=True)):
            rules, at, (place, slot, pitch, *_) = state.plan.rules, state.at, chosen
            if field == PLACE:
                masks[row] = grammar.places(rules, at)
            elif place == BAR or self._given[row]:
                masks[row] = False
                masks[row, chosen[field]] = True
            elif field == SLOT:
                masks[row] = grammar.slots(rules, at, place)
            elif field == PITCH:
                masks[row] = grammar.pitches(rules, at, place, slot)
            elif field == LENGTH:
                masks[row] = grammar.lengths(rules, at, place, slot, pitch)
        return masks

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
            plan, tilt, silent = state.plan, state.tilt, state.silent
            if element[PLACE] == BAR:
                silent = np.setdiff1d(np.arange(len(plan.families)), state.written[:, SLOT] - 1)
                tilt = tilt_of(plan.asked, state.written, plan.rules)
                written, bar = state.elements[: state.count + 1], state.at.bar + 1
                rules = grammar.close_within(bring_back(plan.rules, written, bar), written, bar)
                plan = replace(plan, rules=rules)
            found.append(
                replace(
                    state,
                    plan=plan,
                    count=state.count + 1,
                    cached=state.cached + 1,
                    at=state.at.after(element, bool(self._given[row]), plan.rules.steps),
                    tilt=tilt,
                    silent=silent,
                    log_likelihood=state.log_likelihood + (float(self._log_p[row]) if note else 0.0),
                    composed=state.composed + note,
                )
            )
        return found
