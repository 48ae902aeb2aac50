"""How like Bach's the composed chorales are, beside real ones nobody trained on, and whether they keep to their key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from segue.music import Piece
from segue.music.bar_lines import PER_BEAT, Frames
from segue.music.cells import cut
from segue.music.chords import find_chords
from segue.music.grid import find_grid
from segue.music.keys import find_keys
from segue.plugin_api.training import Report
from segue.plugins.chorale.commission import Commission, read_request
from segue.plugins.chorale.composer import Composer
from segue.plugins.chorale.frames import REST, to_frames
from segue.plugins.chorale.network import Network
from segue.plugins.chorale.plugin import ChoraleOptions
from segue.plugins.chorale.present import to_piece
from segue.plugins.chorale.state import State
from segue.plugins.chorale.voice_leading import count_parallels
from segue.v1 import generate_pb2, music_pb2

SAMPLES, BARS = 1024, 12
IN_EACH_MODE = 96
PROTOCOL: Final = (
    f"{SAMPLES} pieces of {BARS} bars composed with the default options; real ones, those of the test part and, for "
    "what is rare, all. Entropy of a piece's pitch classes in bits; share of beats on which a voice stays; share of "
    "beats that sound a triad or seventh chord; share of frames in which neighbouring voices cross; parallel fifths "
    "and octaves in 100 beats, and in all; pieces and beats."
)
_CHORDS: Final = (
    (0, 4, 7),
    (0, 3, 7),
    (0, 3, 6),
    (0, 4, 8),
    (0, 4, 7, 10),
    (0, 4, 7, 11),
    (0, 3, 7, 10),
    (0, 3, 6, 10),
)
_KNOWN: Final = frozenset(
    frozenset((root + step) % 12 for step in chord) for chord in (*_CHORDS, (0, 3, 6, 9)) for root in range(12)
)


def statistics(pieces: Sequence[Frames]) -> dict[str, float]:
    """Return the figures of some pieces, each of shape (frames, 4)."""
    beats = [piece[::PER_BEAT] for piece in pieces]
    total = sum(len(piece) for piece in beats)
    chords = [frozenset((beat[beat != REST] % 12).tolist()) in _KNOWN for piece in beats for beat in piece]
    parallels = sum(count_parallels(piece) for piece in pieces)
    return {
        "pitch_class_entropy": float(np.mean([_entropy(piece) for piece in pieces])),
        "repeat_rate": float(np.mean(np.concatenate([piece[1:] == piece[:-1] for piece in beats]))),
        "triad_rate": float(np.mean(chords)),
        "crossing_rate": float(np.mean(np.concatenate([_crossed(piece) for piece in pieces]))),
        "parallels_per_100_beats": 100 * parallels / total,
        "parallels": parallels,
        "pieces": len(pieces),
        "beats": total,
    }


def _entropy(piece: Frames) -> float:
    share = np.bincount(piece[piece != REST] % 12, minlength=12) / max(1, (piece != REST).sum())
    return float(-(share[share > 0] * np.log2(share[share > 0])).sum())


def _crossed(piece: Frames) -> NDArray[np.bool_]:
    """Frames, shape (frames, 3), in which a voice is above its upper neighbour."""
    upper, lower = piece[:, :-1], piece[:, 1:]
    return np.asarray((lower > upper) & (lower != REST) & (upper != REST))


def samples(network: Network, counts: Sequence[Sequence[int]], number: int) -> list[Frames]:
    """Compose pieces, seeds 0 to ``number - 1``, with the default options."""
    requests = [generate_pb2.GenerateRequest(bars=BARS)] * number
    return [to_frames(state.tokens, state.plan.shift) for _, state in compose(network, counts, requests)]


def compose(
    network: Network, counts: Sequence[Sequence[int]], requests: Sequence[generate_pb2.GenerateRequest]
) -> list[tuple[Commission, State]]:
    """Compose what is asked for, seeds 0 and up, with the default options, all side by side."""
    composer, options = Composer(network), ChoraleOptions().model_dump()
    commissions = [read_request(request, options, seed, counts) for seed, request in enumerate(requests)]
    states = [composer.begin(commission.plan) for commission in commissions]
    while under_way := [number for number, state in enumerate(states) if not state.done]:
        for number, state in zip(under_way, composer.advance([states[i] for i in under_way]), strict=True):
            states[number] = state
    return list(zip(commissions, states, strict=True))


def compare(network: Network, counts: Sequence[Sequence[int]], real: Mapping[str, Sequence[Frames]]) -> Report:
    """Report composed pieces beside real ones, by part of the data."""
    rows = {"composed": statistics(samples(network, counts, SAMPLES)), "real, test part": statistics(real["test"])}
    rows["real, all parts"] = statistics([piece for part in real.values() for piece in part])
    return Report(PROTOCOL, rows)


def keys(network: Network, counts: Sequence[Sequence[int]]) -> Report:
    """Report how often ``segue.music`` hears the key that was asked for."""
    modes = {"major": music_pb2.MODE_MAJOR, "minor": music_pb2.MODE_MINOR}
    rows = {}
    for name, mode in modes.items():
        wishes = [music_pb2.Key(tonic=number % 12, mode=mode) for number in range(IN_EACH_MODE)]
        pieces = compose(network, counts, [generate_pb2.GenerateRequest(bars=8, key=wish) for wish in wishes])
        heard = [_heard(to_piece(commission, state)) for commission, state in pieces]
        right = [key == wish.tonic + 12 * (name == "minor") for key, wish in zip(heard, wishes, strict=True)]
        rows[name] = {"key_heard": float(np.mean(right)), "pieces": float(len(right))}
    return Report("Pieces of 8 bars in all keys; share of which the key finder hears the key that was asked for.", rows)


def _heard(piece: Piece) -> int:
    cells = cut(piece, find_grid(piece))
    return find_keys(cells, find_chords(cells)).best
