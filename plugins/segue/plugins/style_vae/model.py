"""Rewrite a piece by sliders or in another style: the model half. Runs in Triton's Python backend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np
from google.protobuf.message import Message
from segue.music import Piece, music_to_piece, piece_to_midi
from segue.plugin_api.errors import InvalidField, SegueError, Unsupported
from segue.plugin_api.python_model import Item, MessageModel
from segue.plugins.score.networks import use_one_thread
from segue.plugins.style.arrangement import Arrangement, read_arrangement
from segue.plugins.style.measure import figures as kept_figures
from segue.plugins.style.styles import style_to_write
from segue.plugins.style_vae.artifacts import Artifacts, load
from segue.plugins.style_vae.attributes import LOUDNESS, NAMES, measure
from segue.plugins.style_vae.emotion import Feeling, at_tempo, feeling_of, in_mode, loudness, sliders
from segue.plugins.style_vae.rewrite import Wish, louder, rewrite
from segue.plugins.style_vae.source import Source
from segue.v1 import analyze_pb2, transfer_pb2
from segue.v1 import music_pb2 as pb

_UNITS: Final = ("share of sixteenths", "notes", "MIDI number", "velocity")
_MISSED: Final = 0.1
"""Quantiles by which a slider may be missed before it is said."""


class StyleVaeModel(MessageModel[transfer_pb2.TransferRequest]):
    """Rewrites pieces, each by itself."""

    request_type: ClassVar[type[Message]] = transfer_pb2.TransferRequest

    def load(self, artifacts: Path, device: str) -> None:
        """Read the weights. One thread: a piece takes a few hundred milliseconds."""
        use_one_thread()
        self._made = load(artifacts)

    def answer(self, items: Sequence[Item[transfer_pb2.TransferRequest]]) -> Sequence[Message | SegueError]:
        """Rewrite each piece."""
        return [self._answer(item) for item in items]

    def _answer(self, item: Item[transfer_pb2.TransferRequest]) -> Message | SegueError:
        try:
            analysis = analyze_pb2.AnalyzeResponse.FromString(item.context)
            return transfer(item.request, item.options, analysis, self._made)
        except SegueError as error:
            return error


def transfer(
    request: transfer_pb2.TransferRequest,
    options: Mapping[str, Any],
    analysis: analyze_pb2.AnalyzeResponse,
    made: Artifacts,
) -> transfer_pb2.TransferResponse:
    """Rewrite one piece.

    Parameters
    ----------
    request, options
        As they came.
    analysis
        What ``score`` said of the piece.
    made
        A trained version.

    Raises
    ------
    Unsupported
        If the target is neither sliders nor a style by name.
    InvalidField
        If no slider is set, or nothing has the style's name.
    InvalidMusic
        If the music can't be read or is too long.
    """
    wish, feeling = read_wish(request, made.styles)
    piece, notices = music_to_piece(request.music)
    arrangement = read_arrangement(piece, analysis)
    source = Source.arranged(arrangement)
    own = measure(piece, source.timeline)
    if feeling is not None:
        wish = replace(wish, figures={**sliders(feeling, made.scale.to_quantiles(own)), **wish.figures})
    result = rewrite(source, made, wish)
    response = transfer_pb2.TransferResponse(notices=notices, kept=_kept(arrangement))
    if feeling is not None and wish.strength:
        if LOUDNESS not in wish.figures:
            wanted = loudness(feeling, own[LOUDNESS])
            result = louder(result, own[LOUDNESS] + wish.strength * (wanted - own[LOUDNESS]))
        result = _felt(result, arrangement, feeling, wish.strength, options, response)
    figures = [own, measure(result, source.timeline)]
    for name, unit, before, after in zip(NAMES, _UNITS, *figures, strict=True):
        response.figures.append(pb.Figure(name=name.replace("_", " "), before=before, after=after, unit=unit))
    response.figures.extend(kept_figures(arrangement, result))
    kept = "the melody, which is kept," if arrangement.melody.any() else "the piece"
    response.notices.extend(_missed(wish, made, kept, *figures))
    response.notices.extend(pb.Notice(subject="music", text=text) for text in _heard(arrangement, wish))
    response.music.midi = piece_to_midi(result)
    return response


def read_wish(request: transfer_pb2.TransferRequest, styles: Sequence[str]) -> tuple[Wish, Feeling | None]:
    """Read what a piece is to become: sliders or a style, and an emotion, which sets those that are not set."""
    strength = request.strength if request.HasField("strength") else 1.0
    target = request.WhichOneof("target")
    if target == "style":
        return Wish(style=style_to_write(request.style, styles), strength=strength), None
    if target != "attributes":
        raise Unsupported("The algorithm 'style-vae' follows attributes: {} or a style by name.")
    asked = request.attributes
    feeling = feeling_of(asked.emotion)
    stated = {field.name: value for field, value in asked.ListFields()}
    figures = {figure: stated[name] for figure, name in enumerate(NAMES) if name in stated}
    if not figures and feeling is None:
        raise InvalidField("attributes", f"sets nothing, must set one of {', '.join(NAMES)}, emotion")
    return Wish(figures=figures, strength=strength), feeling


def _felt(
    piece: Piece,
    arrangement: Arrangement,
    feeling: Feeling,
    strength: float,
    options: Mapping[str, Any],
    response: transfer_pb2.TransferResponse,
) -> Piece:
    """Let tempo, and mode if it may, follow an emotion."""
    if options["tempo"] == "follow":
        piece = at_tempo(piece, strength * feeling.arousal)
    if options["mode"] == "follow":
        keys = np.full(len(piece), arrangement.tonic + 12 * arrangement.minor)
        piece = in_mode(piece, keys, feeling.valence)
    elif arrangement.minor == (feeling.valence > 0) and feeling.valence:
        mode = "minor" if arrangement.minor else "major"
        text = f"The piece stays in {mode}, as its melody is kept; the option mode=follow changes it."
        response.notices.append(pb.Notice(subject="attributes.emotion", text=text))
    return piece


def _heard(arrangement: Arrangement, wish: Wish) -> list[str]:
    """Say what was not heard in the piece, and what that means."""
    if not len(arrangement.piece.without_drums()):
        left = "nothing is written anew" if wish.style else "only loudness and the number of strokes follow the sliders"
        return [f"There are no pitched notes: {left}."]
    if not arrangement.melody.any():
        return ["No melody was heard in the piece: all of it counts as accompaniment."]
    return []


def _kept(arrangement: Arrangement) -> list[str]:
    piece, melody = arrangement.piece, int(arrangement.melody.sum())
    tune = [f"the melody: {melody} notes, where they begin and how long they last"] if melody else []
    return [
        *tune,
        f"bars and chords: {len(arrangement.bars) - 1} bars, {len(arrangement.chord) - 1} chords",
        f"metre, pedal and words: {len(piece.meter_map)} time signatures, {len(piece.lyrics)} syllables",
    ]


def _missed(wish: Wish, made: Artifacts, kept: str, before: Any, after: Any) -> list[pb.Notice]:
    """Say which sliders could not be met."""
    now, got = made.scale.to_quantiles(before), made.scale.to_quantiles(after)
    notices = []
    for figure, quantile in wish.figures.items():
        wanted = now[figure] + wish.strength * (quantile - now[figure])
        if abs(got[figure] - wanted) > _MISSED:
            text = f"is at {got[figure]:.2f} instead of {wanted:.2f}: {kept} allows no more."
            notices.append(pb.Notice(subject=f"attributes.{NAMES[figure]}", text=text))
    return notices
