"""``segue analyze``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table
from segue.client import media
from segue.client._errors import InvalidMusic
from segue.client._music import read_music, save_music
from segue.client._parse import enum_names, enum_to_text
from segue.client.cli._analysis_facts import facts
from segue.client.cli._saving import readable_notes
from segue.client.cli._session import UNSET, AlgorithmName, OptionValues, Session, command, parse_options
from segue.client.cli._text import lineage_line, notice_lines, place_text
from segue.v1.analyze_pb2 import AnalyzeResponse, Aspect, IssueKind, Severity
from segue.v1.music_pb2 import Music

_SAVING = "Results"
_MOST_ISSUES = 15
_COLOURS = {1: "dim", 2: "yellow", 3: "red"}


def add_to(app: typer.Typer) -> None:
    """Add the command to an app."""
    command(app, example="segue analyze song.mid --aspect key --aspect chords --picture song.svg")(analyze)


def analyze(
    session: Session,
    music: Annotated[Path, typer.Argument(metavar="FILE", help="The piece: MIDI, MusicXML or audio.")],
    aspects: Annotated[
        list[str],
        typer.Option("--aspect", help=f"What to find out: {', '.join(enum_names(Aspect))}. May be repeated."),
    ] = UNSET,
    algorithm: AlgorithmName = "",
    options: OptionValues = UNSET,
    seed: Annotated[int | None, typer.Option(help="Seed of whatever is drawn at random.")] = None,
    all_issues: Annotated[bool, typer.Option("--all", help="List every issue.")] = False,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where to save; by default here.", file_okay=False, rich_help_panel=_SAVING),
    ] = None,
    png: Annotated[
        bool, typer.Option("--png", help="Draw it with its chords and key.", rich_help_panel=_SAVING)
    ] = False,
    picture: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Draw all of it, to this .png or .svg: notes, chords, key, sections, tempo, emotion.",
            dir_okay=False,
            rich_help_panel=_SAVING,
        ),
    ] = None,
) -> None:
    """Say what a piece is made of: tempo, metre, key, chords, melody, structure, emotion, issues."""
    piece = read_music(music)
    if png or picture:
        media.require_pictures()
    if picture and picture.suffix.lower() not in media.PICTURES:
        raise InvalidMusic.at("picture", f"{picture} must end with {' or '.join(media.PICTURES)}")
    with session.working("Analysing"):
        response = session.client.analyze(
            piece, aspects=aspects, algorithm=algorithm, options=parse_options(options) or None, seed=seed
        )
    folder = out or Path()
    if response.HasField("transcription"):
        notes = Music(score=response.transcription)
        if out or not session.json:
            path = save_music(notes, folder / f"{music.stem}-transcription.mid")
            session.note(f"saved [bold]{escape(str(path))}[/bold]")
    else:
        notes = piece
    if png:
        _draw(session, notes, response, folder / f"{music.stem}.png", music.stem, whole=False)
    if picture:
        _draw(session, notes, response, picture, music.stem, whole=True)
    if session.json:
        session.answer(response)
    else:
        _show(session, response, all_issues=all_issues)


def _draw(session: Session, notes: Music, response: AnalyzeResponse, path: Path, title: str, *, whole: bool) -> None:
    if not readable_notes(notes):
        raise InvalidMusic.at("music", "holds no notes that can be drawn; give a MIDI file, or ask for a transcription")
    path.parent.mkdir(parents=True, exist_ok=True)
    key = response.key.key if response.HasField("key") else None
    with session.working("Drawing"):
        if whole:
            media.analysis_picture(notes, response, path, title=title)
        else:
            media.piano_roll_png(notes, path, chords=response.chords, key=key, title=title)
    session.note(f"saved [bold]{escape(str(path))}[/bold]")


def _show(session: Session, response: AnalyzeResponse, *, all_issues: bool) -> None:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, text in facts(response):
        table.add_row(name, escape(text))
    session.out.print(table)
    if response.issues:
        shown = list(response.issues) if all_issues else response.issues[:_MOST_ISSUES]
        issues = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
        for heading in ("where", "issue"):
            issues.add_column(heading, no_wrap=True)
        issues.add_column("what", ratio=1)
        for issue in shown:
            colour = _COLOURS.get(issue.severity, "yellow")
            kind = f"[{colour}]{enum_to_text(IssueKind, issue.kind)}[/{colour}]"
            issues.add_row(place_text(issue.place), kind, f"{escape(issue.text)} [dim]{escape(issue.suggestion)}[/dim]")
        session.out.print(issues)
        if len(shown) < len(response.issues):
            session.out.print(f"[dim]… {len(response.issues) - len(shown)} more issues: --all lists them[/dim]")
        counts = [(s, sum(i.severity == s for i in response.issues)) for s in (3, 2, 1)]
        session.out.print(
            "[dim]" + ", ".join(f"{n} {enum_to_text(Severity, s)}" for s, n in counts if n) + "[/dim]", highlight=False
        )
        if any(issue.polishable for issue in response.issues):
            session.out.print("[dim]'segue transfer FILE --polish' mends what can be mended[/dim]")
    for line in notice_lines(response.notices):
        session.out.print(line)
    session.out.print(lineage_line(response.lineage))
