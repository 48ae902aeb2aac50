"""``segue generate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from segue.client._errors import InvalidField, SegueError
from segue.client._music import read_music
from segue.client._parse import enum_number, key_to_text
from segue.client.cli._saving import SAVING, Notation, Out, Target, Wav
from segue.client.cli._session import SLIDERS, UNSET, AlgorithmName, OptionValues, Session, command, parse_options
from segue.client.cli._text import emotion_text, labels_text, lineage_line, notice_lines, originality_text
from segue.v1.generate_pb2 import GenerateResponse, GivenMusic, GivenRole, LyricsWish, Piece
from segue.v1.music_pb2 import Span

_GIVEN = "Music to start from"


def add_to(app: typer.Typer) -> None:
    """Add the command to an app."""
    command(app, example="segue generate --key 'G major' --bars 8 --seed 42 --png --wav")(generate)


def generate(
    session: Session,
    theme: Annotated[str, typer.Argument(help="Theme in your own words.", show_default=False)] = "",
    style: Annotated[str, typer.Option(help="Style by name.")] = "",
    emotion: Annotated[
        str | None, typer.Option(help="happy, tense, sad, calm, or valence,arousal such as 0.5,-0.2.")
    ] = None,
    key: Annotated[str | None, typer.Option(help="Key, e.g. 'F# minor'.")] = None,
    tempo: Annotated[float | None, typer.Option(help="Quarter notes per minute, 20-300.")] = None,
    time_signature: Annotated[str | None, typer.Option(help="Time signature, e.g. 6/8.")] = None,
    bars: Annotated[int, typer.Option(help="Length in bars, 1-512; 0 leaves it to the algorithm.")] = 0,
    instruments: Annotated[
        list[str], typer.Option("--instrument", help="General MIDI name or number, or drums. May be repeated.")
    ] = UNSET,
    attributes: Annotated[
        list[str],
        typer.Option("--attribute", metavar="NAME=0..1", help=SLIDERS),
    ] = UNSET,
    chords: Annotated[str, typer.Option(help="Chords of four beats each, e.g. 'C:maj | A:min | F:maj | G:7'.")] = "",
    form: Annotated[str, typer.Option(help="Sections in order, e.g. 'intro A A B outro'.")] = "",
    lyrics: Annotated[bool, typer.Option("--lyrics", help="Write words to sing.")] = False,
    words: Annotated[str, typer.Option(help="Words to set to music.")] = "",
    rhyme: Annotated[str, typer.Option(metavar="AABB", help="Write words of this rhyme scheme.")] = "",
    opening: Annotated[Path | None, typer.Option(help="Begin with this file.", rich_help_panel=_GIVEN)] = None,
    melody: Annotated[Path | None, typer.Option(help="Harmonise this melody.", rich_help_panel=_GIVEN)] = None,
    infill: Annotated[Path | None, typer.Option(help="Compose this piece anew.", rich_help_panel=_GIVEN)] = None,
    reference: Annotated[Path | None, typer.Option(help="Answer this piece.", rich_help_panel=_GIVEN)] = None,
    motif: Annotated[Path | None, typer.Option(help="Develop this motif.", rich_help_panel=_GIVEN)] = None,
    given_track: Annotated[
        int | None, typer.Option("--track", min=1, help="The track that is meant, from 1.", rich_help_panel=_GIVEN)
    ] = None,
    span: Annotated[
        str, typer.Option(metavar="START-END", help="For --infill: the beats to compose anew.", rich_help_panel=_GIVEN)
    ] = "",
    image: Annotated[Path | None, typer.Option(help="A PNG or JPEG for the mood.", rich_help_panel=_GIVEN)] = None,
    count: Annotated[int, typer.Option(help="How many pieces, 1-64.")] = 1,
    algorithm: AlgorithmName = "",
    options: OptionValues = UNSET,
    seed: Annotated[int | None, typer.Option(help="The same seed composes the same piece.")] = None,
    out: Out = None,
    png: Annotated[bool, typer.Option("--png", help="Draw a piano roll beside it.", rich_help_panel=SAVING)] = False,
    wav: Wav = False,
    notation: Notation = False,
) -> None:
    """Compose music: from a theme, wishes, music to start from, or nothing at all."""
    target = Target(out, png, wav, notation)
    target.check()
    files = {"opening": opening, "melody": melody, "infill": infill, "reference": reference, "motif": motif}
    wishes: dict[str, Any] = {
        "theme": theme,
        "style": style,
        "emotion": emotion,
        "key": key,
        "tempo": tempo,
        "time_signature": time_signature,
        "bars": bars,
        "instruments": instruments,
        "attributes": parse_options(attributes) or None,
        "chords": chords,
        "form": form.split(),
        "given": _given(session, files, given_track, span),
        "image": image,
        "lyrics": LyricsWish(text=words, rhyme_scheme=rhyme) if words or rhyme else lyrics,
        "count": count,
        "algorithm": algorithm,
        "options": parse_options(options) or None,
        "seed": seed,
    }
    if count == 1 and not session.json and _streams(session, algorithm):
        response = _stream(session, wishes)
    else:
        with session.working("Composing"):
            response = session.client.generate(**wishes)
    _save(session, response, target)
    if session.json:
        session.answer(response)
    else:
        _show(session, response)


def _given(session: Session, files: dict[str, Path | None], track: int | None, span: str) -> list[GivenMusic]:
    """Read the files to start from."""
    named = [(role, path) for role, path in files.items() if path is not None]
    if (track or span) and len(named) != 1:
        raise InvalidField.at("given_track" if track else "span", f"needs exactly one of --{', --'.join(files)}")
    given = []
    for index, (role, path) in enumerate(named):
        session.flags[f"given[{index}]"] = session.flags["music"] = f"--{role}"
        item = GivenMusic(role=enum_number(GivenRole, role, role), music=read_music(path))
        session.flags[f"given[{index}].track"] = "--track (counted from 0 here)" if track else "--track"
        if track:
            item.track = track - 1
        if span:
            session.flags[f"given[{index}].span"] = "--span"
            item.span.CopyFrom(_span(span))
        given.append(item)
    return given


def _span(text: str) -> Span:
    start, _, end = text.partition("-")
    try:
        return Span(start=float(start), end=float(end))
    except ValueError as error:
        raise InvalidField.at("span", f"{text!r} is not two beats such as 16-32") from error


def _streams(session: Session, algorithm: str) -> bool:
    candidates = session.client.algorithms(capability="generate")
    return any(a.streams for a in candidates if (a.name == algorithm if algorithm else a.is_default))


def _stream(session: Session, wishes: dict[str, Any]) -> GenerateResponse:
    """Compose bar by bar under a progress bar."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("bars"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=session.err, transient=True, disable=not session.err.is_terminal) as progress:
        task = progress.add_task("Composing", total=None)
        for message in session.client.generate_stream(**wishes):
            if message.HasField("complete"):
                return message.complete
            progress.update(task, completed=message.bar.number, total=message.bar.total or None)
    raise SegueError("the server ended the stream before the piece was complete")


def _save(session: Session, response: GenerateResponse, target: Target) -> None:
    several = len(response.pieces) > 1
    for number, piece in enumerate(response.pieces, 1):
        name = f"{response.lineage.algorithm or 'piece'}-{response.lineage.seed}" + (f"-{number}" if several else "")
        key = piece.key if piece.HasField("key") else None
        path = target.save(
            session, piece.music, name, several=several, chords=piece.chords, key=key, musicxml=piece.musicxml
        )
        if path and piece.musicxml:
            path.with_suffix(".musicxml").write_bytes(piece.musicxml)
            session.note(f"saved [bold]{escape(str(path.with_suffix('.musicxml')))}[/bold]")


def _show(session: Session, response: GenerateResponse) -> None:
    for line in response.understood:
        session.out.print(f"[dim]understood:[/dim] {escape(line)}")
    for number, piece in enumerate(response.pieces, 1):
        if len(response.pieces) > 1:
            session.out.print(f"[bold]piece {number}[/bold]")
        session.out.print(_facts(piece))
    for line in notice_lines(response.notices):
        session.out.print(line)
    session.out.print(lineage_line(response.lineage))


def _facts(piece: Piece) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    signature = piece.time_signature
    facts = [
        ("key", key_to_text(piece.key) if piece.HasField("key") else ""),
        ("tempo", f"{piece.tempo:g} quarters a minute" if piece.tempo else ""),
        ("metre", f"{signature.numerator}/{signature.denominator}" if piece.HasField("time_signature") else ""),
        ("bars", str(piece.bars) if piece.bars else ""),
        ("chords", _chords(piece)),
        ("emotion", emotion_text(piece.emotion) if piece.HasField("emotion") else ""),
        ("style", labels_text(piece.styles)),
        ("words", piece.verse or " ".join(lyric.text for lyric in piece.lyrics).replace("- ", "")),
        ("finish", f"{len(piece.edits)} notes corrected" if piece.edits else ""),
        ("originality", _originality(piece)),
        ("likelihood", f"{piece.log_likelihood:.3f} nats a note" if piece.log_likelihood else ""),
    ]
    for name, text in facts:
        if text:
            table.add_row(name, escape(text))
    return table


def _originality(piece: Piece) -> str:
    """Write how far a piece copies; of words alone where its notes were given."""
    if not piece.HasField("originality"):
        return ""
    return originality_text(piece.originality, "words" if piece.verse else "notes")


def _chords(piece: Piece, most: int = 24) -> str:
    shown = "  ".join(chord.symbol for chord in piece.chords[:most])
    return shown + (f"  … {len(piece.chords)} in all" if len(piece.chords) > most else "")
