"""``segue transfer``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from segue.client._errors import InvalidField, SegueError
from segue.client._music import read_music
from segue.client._parse import enum_number, enum_to_text, pitch_to_name
from segue.client.cli._saving import SAVING, Notation, Out, Target, Wav, drawable
from segue.client.cli._session import SLIDERS, UNSET, AlgorithmName, OptionValues, Session, command, parse_options
from segue.client.cli._text import lineage_line, notice_lines, number_text, originality_text, place_text
from segue.v1.music_pb2 import Edit, EditKind, Music, Note
from segue.v1.transfer_pb2 import Polish, TransferResponse

_MOST_EDITS = 15


def add_to(app: typer.Typer) -> None:
    """Add the command to an app."""
    command(app, example="segue transfer sketch.mid --polish --png")(transfer)


def transfer(
    session: Session,
    music: Annotated[Path, typer.Argument(metavar="FILE", help="The piece: MIDI, MusicXML or audio.")],
    style: Annotated[str, typer.Option(help="Give it this style.")] = "",
    example: Annotated[Path | None, typer.Option(metavar="FILE", help="Give it the style of this piece.")] = None,
    attributes: Annotated[
        list[str],
        typer.Option("--attribute", metavar="NAME=0..1", help=SLIDERS),
    ] = UNSET,
    polish: Annotated[bool, typer.Option("--polish", help="Make it a better version of itself.")] = False,
    kinds: Annotated[
        str, typer.Option(help="Polish only by these edits: timing, duration, pitch, velocity, insert, delete.")
    ] = "",
    edit_ids: Annotated[
        str, typer.Option("--edits", metavar="1,2,...", help="Apply only these edits of a polish.")
    ] = "",
    strength: Annotated[float | None, typer.Option(help="How far to go, 0-1.")] = None,
    algorithm: AlgorithmName = "",
    options: OptionValues = UNSET,
    seed: Annotated[int | None, typer.Option(help="Seed of whatever is drawn at random.")] = None,
    all_edits: Annotated[bool, typer.Option("--all", help="List every edit.")] = False,
    out: Out = None,
    png: Annotated[bool, typer.Option("--png", help="Draw it, before over after.", rich_help_panel=SAVING)] = False,
    wav: Wav = False,
    notation: Notation = False,
) -> None:
    """Give a piece another style, or polish it: exactly one of --style, --example, --attribute, --polish."""
    target = Target(out, png, wav, notation)
    target.check()
    piece = read_music(music)
    wishes: dict[str, Any] = {
        "style": style,
        "example": example,
        "attributes": parse_options(attributes) or None,
        "polish": _polish(kinds, edit_ids) if polish or kinds or edit_ids else False,
        "strength": strength,
        "algorithm": algorithm,
        "options": parse_options(options) or None,
        "seed": seed,
    }
    response = session.client.transfer(piece, **wishes) if session.json else _stream(session, piece, wishes)
    name = f"{music.stem}-{'polished' if response.edits or polish else style or 'transferred'}"
    before = piece if drawable(piece, response.music) else None
    target.save(session, response.music, name, before=before)
    if session.json:
        session.answer(response)
    else:
        _show(session, response, all_edits=all_edits)


def _stream(session: Session, piece: Music, wishes: dict[str, Any]) -> TransferResponse:
    """Transfer under a progress bar."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=session.err, transient=True, disable=not session.err.is_terminal) as progress:
        task = progress.add_task("Transferring", total=1.0)
        for message in session.client.transfer_stream(piece, **wishes):
            if message.HasField("complete"):
                return message.complete
            stage = escape(message.progress.stage) or "Transferring"
            progress.update(task, completed=message.progress.fraction, description=stage)
    raise SegueError("the server ended the stream before the answer was complete")


def _polish(kinds: str, edit_ids: str) -> Polish:
    try:
        ids = [int(text) for text in edit_ids.replace(",", " ").split()]
    except ValueError as error:
        raise InvalidField.at("edit_ids", f"{edit_ids!r} is not a list of numbers such as 1,2,5") from error
    return Polish(
        kinds=[enum_number(EditKind, kind, "kinds") for kind in kinds.replace(",", " ").split()], edit_ids=ids
    )


def _show(session: Session, response: TransferResponse, *, all_edits: bool) -> None:
    if response.figures:
        session.out.print(_figures(response))
    if response.edits:
        shown = list(response.edits) if all_edits else _rarest(response.edits)
        session.out.print(_edits(shown))
        if len(shown) < len(response.edits):
            kinds = Counter(enum_to_text(EditKind, edit.kind) for edit in response.edits)
            counts = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
            session.out.print(f"[dim]… {len(response.edits)} edits in all ({counts}): --all lists them[/dim]")
    elif not response.figures:
        session.out.print("Nothing was changed.")
    for sentence in response.kept:
        session.out.print(f"[green]kept[/green] {escape(sentence)}")
    if response.HasField("originality"):
        session.out.print(f"[dim]originality[/dim] {escape(originality_text(response.originality))}")
    for line in notice_lines(response.notices):
        session.out.print(line)
    session.out.print(lineage_line(response.lineage))


def _rarest(edits: Iterable[Edit]) -> list[Edit]:
    """Choose the edits to show: the rarest kinds first, as two wrong notes say more than 200 shifted ones."""
    edits = list(edits)
    frequency = Counter(edit.kind for edit in edits)
    chosen = sorted(edits, key=lambda edit: (frequency[edit.kind], edit.id))[:_MOST_EDITS]
    return sorted(chosen, key=lambda edit: edit.id)


def _figures(response: TransferResponse) -> Table:
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("figure")
    table.add_column("before", justify="right")
    table.add_column("after", justify="right", style="bold")
    table.add_column("", style="dim")
    for figure in response.figures:
        table.add_row(escape(figure.name), number_text(figure.before), number_text(figure.after), escape(figure.unit))
    return table


def _edits(edits: list[Edit]) -> Table:
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("edit", justify="right", style="dim")
    table.add_column("where", no_wrap=True)
    table.add_column("what", style="cyan", no_wrap=True)
    table.add_column("why", ratio=1)
    for edit in edits:
        table.add_row(str(edit.id), place_text(edit.place), escape(_change(edit)), escape(edit.reason))
    return table


def _change(edit: Edit) -> str:
    if not edit.HasField("before"):
        return f"add {_note(edit.after)}"
    if not edit.HasField("after"):
        return f"remove {_note(edit.before)}"
    before, after = edit.before, edit.after
    changes = []
    if before.pitch != after.pitch:
        changes.append(f"{pitch_to_name(before.pitch)} → {pitch_to_name(after.pitch)}")
    if before.start != after.start:
        changes.append(f"beat {number_text(before.start)} → {number_text(after.start)}")
    if before.duration != after.duration:
        changes.append(f"length {number_text(before.duration)} → {number_text(after.duration)}")
    if before.velocity != after.velocity:
        changes.append(f"velocity {before.velocity} → {after.velocity}")
    return ", ".join(changes) or enum_to_text(EditKind, edit.kind)


def _note(note: Note) -> str:
    return f"{pitch_to_name(note.pitch)} at beat {number_text(note.start)}"
