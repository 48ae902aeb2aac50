"""``python -m segue.plugins.chorale.quarters DATA``: the chorale network on the quarter-note benchmark.

The benchmark of Boulanger-Lewandowski et al. has a frame for each beat, a set of pitches, in pieces that were moved to
C. The highest pitch of a set is the soprano, the lowest the bass, and the second and third lie between; so a set is one
frame of four voices, and the network for sixteenths trains on them as it is. Trains, and prints the table; the weights
are not kept.

References
----------
N. Boulanger-Lewandowski, Y. Bengio and P. Vincent, "Modeling Temporal Dependencies in High-Dimensional Sequences", ICML
2012: the data and its split. S. Bai, J. Z. Kolter and V. Koltun, "An Empirical Evaluation of Generic Convolutional and
Recurrent Networks for Sequence Modeling", 2018: the protocol that leaves the first frame out.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
import torch
import typer
from rich.console import Console
from segue.music.bar_lines import PER_BEAT, Frames
from segue.plugin_api.errors import InvalidRequest
from segue.plugin_api.training import Report, Run
from segue.plugins.chorale.data import Chorale, Draw, collate
from segue.plugins.chorale.frames import NO_NOTE, REST
from segue.plugins.chorale.measure import nats
from segue.plugins.chorale.network import CLASSES, Network
from segue.plugins.chorale.train import ChoraleSettings, fit
from segue.plugins.packs.jsb import SPLITS
from segue.plugins.training import Processes
from torch import Tensor

FILE: Final = "jsb-chorales-quarter.json"
PROTOCOL: Final = (
    "JSB chorales, quarter-note frames of 88 keys, the standard split (229, 76, 77 pieces); nats per frame: mean over "
    "frames of -log p of the frame's set of pitches given all earlier frames. The set is chosen pitch by pitch and "
    "what can't become a set is excluded, so p is exact. The data is in C; nothing else is known beforehand. First "
    "frame left out: the mean over all frames but a piece's first, as in Bai et al."
)
_LOWER: Final = 12
"""Semitones by which the pieces, which were published high, are moved to where the network's tokens are."""
_TONIC: Final = 0
_SETTINGS: Final = ChoraleSettings.model_validate({"steps": 300, "average": 0.99, "evaluate_every": 100})
"""Chosen on the validation part, on which longer training gains nothing."""
_KEYS: Final = 128


def read_quarters(data: Path) -> dict[str, list[Chorale]]:
    """Read the three parts.

    Raises
    ------
    InvalidRequest
        If the folder does not hold them.
    """
    if not (data / FILE).is_file():
        raise InvalidRequest("data", f"{data} holds no {FILE}")
    raw = json.loads((data / FILE).read_text())
    return {
        split: [Chorale.of(np.stack([to_frame(x) for x in piece]), None, _TONIC, PER_BEAT) for piece in raw[split]]
        for split in SPLITS
    }


def to_frame(pitches: Sequence[int]) -> Frames:
    """Return a set of at most four pitches as voices, shape (4,): the highest, the second, the third and the lowest."""
    falling = sorted((pitch - _LOWER for pitch in pitches), reverse=True)
    upper, lowest = (falling[:-1], falling[-1]) if len(falling) > 1 else (falling, REST)
    return np.array([*upper, *[REST] * (3 - len(upper)), lowest], np.int64)


def possible_tokens(target: Tensor) -> Tensor:
    """Tokens by which a frame goes on to be a set.

    Parameters
    ----------
    target
        The highest, the lowest, the second and the third token, shape (..., 4).

    Returns
    -------
    Tensor of bool, shape (..., 4, CLASSES)
        For each of them, what it may be given those before it.
    """
    token = torch.arange(CLASSES, device=target.device)
    highest, lowest, second = (target[..., turn, None] for turn in range(3))
    rest = (token == NO_NOTE).expand(*target.shape[:-1], -1)
    between = (token > lowest) & (lowest != NO_NOTE)
    turns = (torch.ones_like(rest), rest | (token < highest), rest | between & (token < highest))
    return torch.stack([*turns, rest | between & (token < second)], -2)


def set_nats(logits: Tensor, batch: dict[str, Any]) -> Tensor:
    """Nats of every token among those that are possible, shape (batch, frames, 4)."""
    return nats(logits.float().masked_fill(~possible_tokens(batch["target"]), -torch.inf), batch)


@torch.no_grad()
def nats_per_frame(network: Network, pieces: Sequence[Chorale], first: int = 0) -> float:
    """Mean nats of a frame, from each piece's frame ``first`` on."""
    total, count = 0.0, 0
    for start in range(0, len(pieces), 16):
        part = pieces[start : start + 16]
        batch = collate(part, [Draw()] * len(part))
        total += float(set_nats(network.eval()(batch), batch)[:, first:].double().sum())
        count += sum(len(piece.frames) - first for piece in part)
    return total / count


def baselines(train: Sequence[Chorale], test: Sequence[Chorale]) -> dict[str, float]:
    """Nats per frame of two simple models: each key by itself; the set before again, or else each key by itself."""
    rolls, held_out = ([_roll(piece.frames) for piece in pieces] for pieces in (train, test))
    frames = np.concatenate(rolls)
    chance = (frames.sum(0) + 0.5) / (len(frames) + 1)
    again = np.mean(np.concatenate([(roll[1:] == roll[:-1]).all(1) for roll in rolls]))
    alone, mixed = [], []
    for roll in held_out:
        fresh = np.where(roll, np.log(chance), np.log1p(-chance)).sum(1)
        same = np.r_[False, (roll[1:] == roll[:-1]).all(1)]
        share = np.r_[0.0, np.full(len(roll) - 1, again)]
        alone.append(-fresh)
        mixed.append(-np.log(share * same + (1 - share) * np.exp(fresh)))
    found = {"each key by itself": alone, "the set before again, or that": mixed}
    return {name: float(np.concatenate(each).mean()) for name, each in found.items()}


def _roll(frames: Frames) -> Any:
    """Return which keys sound in each frame, shape (frames, keys)."""
    roll = np.zeros((len(frames), _KEYS), bool)
    for voice in range(4):
        sounds = frames[:, voice] != REST
        roll[np.flatnonzero(sounds), frames[sounds, voice]] = True
    return roll


def measure(data: Path, work: Path, console: Console, settings: ChoraleSettings = _SETTINGS) -> Report:
    """Train on the first part, and report on the third."""
    parts = read_quarters(data)
    torch.set_num_threads(settings.threads)
    run = Run(data, work, work, 0, console)
    with Processes() as processes:
        network = fit(
            parts["train"],
            run,
            settings,
            processes,
            set_nats,
            lambda piece, rng: Draw(),
            lambda n: nats_per_frame(n, parts["valid"]),
        )
    test = {"nats/frame": nats_per_frame(network, parts["test"])}
    test["first frame left out"] = nats_per_frame(network, parts["test"], first=1)
    rows = {
        "chorale network": test,
        "chorale network, validation part": {"nats/frame": nats_per_frame(network, parts["valid"])},
    }
    rows |= {name: {"nats/frame": value} for name, value in baselines(parts["train"], parts["test"]).items()}
    return Report(PROTOCOL, rows)


def main(data: Annotated[Path, typer.Argument(help=f"The folder that holds {FILE}.", exists=True)]) -> None:
    """Train, and print the table."""
    with tempfile.TemporaryDirectory() as work:
        report = measure(data, Path(work), Console(stderr=True))
    Console(soft_wrap=True, highlight=False, markup=False).print(report.to_markdown())


if __name__ == "__main__":
    typer.run(main)
