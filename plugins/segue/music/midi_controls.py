"""What a MIDI file does to its sounds: programs, controllers, pitch bends and pressure of each track.

They work on a channel, whichever track chunk holds them. A track is a channel of a chunk: it gets what its own chunk
says, what tracks of that channel and program say, such as the other hand, and chunks that have no note on the channel.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from segue.music.midi_writer import AT_REST, STATUS
from segue.music.piece import MAX_BEATS, MAX_CONTROLS, Control
from segue.v1 import music_pb2 as pb

Ints = NDArray[np.int64]
_KINDS = {status: kind for kind, status in STATUS.items()}
_PROGRAM = STATUS[pb.CONTROL_KIND_PROGRAM]


def programs_and_controls(
    said: Sequence[Sequence[int]], parts: Sequence[int], first: Sequence[int], per_beat: float, notices: list[str]
) -> list[tuple[int, tuple[Control, ...]]]:
    """Return program and controls of each track.

    Parameters
    ----------
    said
        For each track chunk channel, tick, upper half of the status byte and two data bytes of each control, one after
        the other.
    parts
        For each track 16 times the index of its chunk, and its channel.
    first
        For each track the tick of its first note.
    per_beat
        Ticks of a beat.
    notices
        Gets a sentence if there are too many to keep.
    """
    tables = [np.array(chunk, np.int64).reshape(-1, 5) for chunk in said]
    table = np.concatenate([np.insert(rows, 0, index, axis=1) for index, rows in enumerate(tables)])
    table = table[table[:, 2] <= MAX_BEATS * per_beat]
    table = table[np.argsort(table[:, 2], kind="stable")]
    programs = _programs(table, parts, first)
    groups: dict[tuple[int, int], list[int]] = defaultdict(list)
    for number, (part, program) in enumerate(zip(parts, programs, strict=True)):
        groups[part % 16, program].append(number)
    of_channel = {channel: table[table[:, 1] == channel] for channel in {part % 16 for part in parts}}
    held = {channel: [part // 16 for part in parts if part % 16 == channel] for channel in of_channel}
    found: dict[int, Ints] = {}
    for (channel, _), members in groups.items():
        rows = of_channel[channel]
        own = np.isin(rows[:, 0], [parts[number] // 16 for number in members])
        rows = rows[own | ~np.isin(rows[:, 0], held[channel])]
        began = min(first[number] for number in members)
        rows = rows[(rows[:, 3] != _PROGRAM) | (rows[:, 2] > began)]
        found.update(dict.fromkeys(members, rows))
    if (total := sum(map(len, found.values()))) > MAX_CONTROLS:
        notices.append(f"Controllers, pitch bends and the like: {total}, more than {MAX_CONTROLS}; they are left out.")
        found = dict.fromkeys(found, table[:0])
    return [(program, _controls(found[number], program, per_beat)) for number, program in enumerate(programs)]


def _programs(table: Ints, parts: Sequence[int], first: Sequence[int]) -> list[int]:
    """Return the program of each track where its first note begins; another chunk may have set it."""
    changes: dict[int, list[tuple[int, int]]] = defaultdict(list)
    elsewhere: dict[int, list[tuple[int, int]]] = {}
    for chunk, channel, tick, _, program, _ in table[table[:, 3] == _PROGRAM].tolist():
        changes[16 * chunk + channel].append((tick, program))
    for part in sorted(changes):
        elsewhere.setdefault(part % 16, changes[part])
    found = []
    for part, began in zip(parts, first, strict=True):
        own = changes.get(part) or elsewhere.get(part % 16) or [(0, 0)]
        before = [program for tick, program in own if tick <= began]
        found.append(before[-1] if before else own[0][1])
    return found


def _controls(rows: Ints, program: int, per_beat: float) -> tuple[Control, ...]:
    found = []
    for _, _, tick, status, one, two in rows.tolist():
        kind = _KINDS[status]
        number, value = (one, two) if kind in (pb.CONTROL_KIND_CONTROLLER, pb.CONTROL_KIND_KEY_PRESSURE) else (0, one)
        if kind == pb.CONTROL_KIND_PITCH_BEND:
            value += (two << 7) - AT_REST
        if kind == pb.CONTROL_KIND_PROGRAM:
            if value == program:  # as every track that shares a channel says it
                continue
            program = value
        found.append(Control(tick / per_beat, kind, number, value))
    return tuple(found)
