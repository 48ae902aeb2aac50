"""``python -m segue.plugins.originality_report DATA``: how far composed pieces copy, beside how far human ones do.

Measures the shipped versions, run by the models' own code. The bound is what 19 in 20 excerpts by people, as long as
what is composed, stay below when they are compared with works that are not theirs.

References
----------
Z. Yin, F. Reuben, S. Stepney and T. Collins, "Deep learning's shallow gains: a comparative evaluation of algorithms
for automatic music generation", Machine Learning, 2023: the originality report and its human baseline.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple

import numpy as np
import torch
import typer
from numpy.typing import NDArray
from rich.console import Console
from segue.music import Piece, midi_to_piece
from segue.music.originality import OriginalityIndex
from segue.music.patterns import patterns_of
from segue.plugin_api import Algorithm
from segue.plugin_api.python_model import Item, MessageModel, Model, StreamModel
from segue.plugin_api.training import Report
from segue.plugins.chorale.artifacts import INDEX as CHORALE_INDEX
from segue.plugins.chorale.model import ChoraleModel
from segue.plugins.chorale.plugin import Chorale
from segue.plugins.gan.artifacts import INDEX as GAN_INDEX
from segue.plugins.gan.model import GanModel
from segue.plugins.gan.plugin import Gan
from segue.plugins.gan.present import melody_of
from segue.plugins.lyrics.artifacts import Artifacts as LyricsArtifacts
from segue.plugins.lyrics.corpus import read_corpus
from segue.plugins.lyrics.measure import copied_by_people
from segue.plugins.lyrics.model import LyricsModel
from segue.plugins.lyrics.plugin import Lyrics
from segue.plugins.transformer.artifacts import MELODIES
from segue.plugins.transformer.model import TransformerModel
from segue.plugins.transformer.plugin import Transformer
from segue.plugins.vae.artifacts import INDEX as VAE_INDEX
from segue.plugins.vae.model import VaeModel
from segue.plugins.vae.plugin import Vae
from segue.v1 import generate_pb2

_AT_ONCE: Final = 16
_SHARE: Final = 0.95


class Copied(NamedTuple):
    """Copied fractions of composed pieces, and of human excerpts as long as those are."""

    composed: NDArray[np.float64]
    human: NDArray[np.float64]
    length: int


class Family(NamedTuple):
    """How a family is measured: bars of a piece, what of it is compared, and the file of a version to compare with."""

    algorithm: Algorithm
    model: type[Model]
    bars: int
    compared: Callable[[Piece], Piece]
    known: str


FAMILIES: Final[Mapping[str, Family]] = {
    "chorale": Family(Chorale(), ChoraleModel, 8, lambda piece: piece, CHORALE_INDEX),
    "transformer": Family(Transformer(), TransformerModel, 4, lambda piece: piece, MELODIES),
    "vae": Family(Vae(), VaeModel, 8, lambda piece: piece, VAE_INDEX),
    "gan": Family(Gan(), GanModel, 8, melody_of, GAN_INDEX),
}


def compose(algorithm: Algorithm, model: Any, number: int, **fields: Any) -> list[generate_pb2.Piece]:
    """Compose pieces with the default options, seeds 0 to ``number - 1``, some side by side as the server does."""
    options = algorithm.Options().model_dump()
    items = [Item(generate_pb2.GenerateRequest(**fields), options, seed) for seed in range(number)]
    found: list[generate_pb2.Piece] = []
    for at in range(0, number, _AT_ONCE):
        found += (_streamed if isinstance(model, StreamModel) else _answered)(model, items[at : at + _AT_ONCE])
    return found


def _answered(model: MessageModel[Any], items: Sequence[Item[Any]]) -> list[generate_pb2.Piece]:
    responses: Sequence[Any] = model.answer(items)
    return [response.pieces[0] for response in responses]


def _streamed(model: StreamModel[Any, Any], items: Sequence[Item[Any]]) -> list[generate_pb2.Piece]:
    sessions = [model.start(item) for item in items]
    found: dict[int, generate_pb2.Piece] = {}
    while live := [row for row in range(len(items)) if row not in found]:
        steps: Sequence[Any] = model.step([sessions[row] for row in live])
        for row, step in zip(live, steps, strict=True):
            if step.done:
                found[row] = step.responses[-1].complete.pieces[0]
    return [found[row] for row in range(len(items))]


def measure_music(family: Family, index: OriginalityIndex, model: Any, number: int) -> Copied:
    """Compare composed pieces, and human excerpts, with an index."""
    pieces = compose(family.algorithm, model, number, bars=family.bars)
    compared = [family.compared(midi_to_piece(piece.music.midi)[0]) for piece in pieces]
    length = int(np.median(patterns_of(compared).notes))
    composed = np.array([index.compare(piece).copied_fraction for piece in compared])
    return Copied(composed, index.human_excerpts(length), length)


def measure_words(version: Path, data: Path, number: int) -> Copied:
    """Compare verses, and excerpts of songs that were not learnt from, with the texts that were."""
    model = LyricsModel()
    model.load(version, "cpu")
    pieces = compose(Lyrics(), model, number)
    length = int(np.median([len(piece.verse.split()) for piece in pieces]))
    corpus = read_corpus(data / "lyrics_public_domain", 0, 0)
    human = copied_by_people(LyricsArtifacts.load(version), [*corpus.valid, *corpus.test], length)
    return Copied(np.array([piece.originality.copied_fraction for piece in pieces]), human, length)


def report(found: Mapping[str, Copied]) -> Report:
    """Put what was measured into a table."""
    rows = {}
    for name, copied in found.items():
        bound = float(np.quantile(copied.human, _SHARE))
        rows[name] = {
            "pieces": len(copied.composed),
            "notes or words": copied.length,
            "copied, mean": float(copied.composed.mean()),
            "copied, 95 %": float(np.quantile(copied.composed, _SHARE)),
            "human excerpts": len(copied.human),
            "human, mean": float(copied.human.mean()),
            "human 95 % bound": bound,
            "share at or below the bound": float((copied.composed <= bound).mean()),
        }
    return Report(
        "New pieces with default options, seeds from 0: 8 bars (transformer 4), a verse of lyrics. Copied: share of "
        "the notes of a piece's lines (gan: of its melody) in runs of nine or more shared with one known piece; of the "
        "words in runs of five or more of a text. Human: excerpts of known pieces, as long as the median composed "
        "piece, against all others but versions of the same work (half or more in common); of held-out songs against "
        "the texts.",
        rows,
    )


def main(
    data: Annotated[Path, typer.Argument(help="Folder of the packs.", exists=True)],
    families: Annotated[list[str] | None, typer.Option("--family", help="Measure these alone.")] = None,
    pieces: Annotated[int, typer.Option(min=1, help="Pieces of each family.")] = 500,
) -> None:
    """Compose, compare, and print the table."""
    torch.set_num_threads(1)
    wanted = families or [*FAMILIES, "lyrics"]
    found: dict[str, Copied] = {}
    for name in wanted:
        algorithm = Lyrics() if name == "lyrics" else FAMILIES[name].algorithm
        version = Path(str(algorithm.models[0].shipped)) / "1"
        with Console(stderr=True).status(f"composing with {name}"):
            if name == "lyrics":
                found[name] = measure_words(version, data, pieces)
            else:
                model: Any = FAMILIES[name].model()
                model.load(version, "cpu")
                found[name] = measure_music(
                    FAMILIES[name], OriginalityIndex.load(version / FAMILIES[name].known), model, pieces
                )
    Console(soft_wrap=True, highlight=False, markup=False).print(report(found).to_markdown())


if __name__ == "__main__":
    typer.run(main)
