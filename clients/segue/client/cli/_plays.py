"""``segue plays``: what listeners play, recorded, listed, exported, erased."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn
from rich.table import Table
from segue.client._errors import InvalidField
from segue.client.cli._session import Session, command
from segue.v1.listening_pb2 import EraseListenerResponse, Play, RecordPlaysResponse

_BATCH = 1000


def add_to(app: typer.Typer) -> None:
    """Add the group to an app."""
    group = typer.Typer(help="Record, list, export and erase what listeners play.", no_args_is_help=True)
    command(group, example="segue plays record alice 1234 5678=3")(record)
    command(group, name="import", example="segue plays import plays.csv")(import_file)
    command(group, name="list", example="segue plays list alice")(list_plays)
    command(group, example="segue plays export alice --out alice.csv")(export)
    command(group, example="segue plays erase alice --yes")(erase)
    app.add_typer(group, name="plays")


def record(
    session: Session,
    listener_id: Annotated[str, typer.Argument(metavar="LISTENER", help="Who.")],
    plays: Annotated[list[str], typer.Argument(metavar="TRACK[=TIMES]...", help="What, and how often.")],
) -> None:
    """Record plays of a listener, now."""
    response = session.client.record_plays(_play(listener_id, text) for text in plays)
    _report(session, response.recorded, response.duplicates)


def import_file(
    session: Session,
    file: Annotated[
        Path, typer.Argument(metavar="FILE.csv", help="Columns listener_id, track_id; plays, time, event_id if known.")
    ],
) -> None:
    """Record the plays in a CSV file. The same row of the same file is recorded once, however often it is imported."""
    recorded = duplicates = 0
    with file.open(newline="", encoding="utf-8-sig") as lines:
        columns = (SpinnerColumn(), TextColumn("{task.completed:,} plays"))
        with Progress(*columns, console=session.err, transient=True, disable=not session.err.is_terminal) as progress:
            task = progress.add_task("", total=None)
            for answer in session.client.stream_plays(_batches(lines)):
                recorded += answer.recorded
                duplicates += answer.duplicates
                progress.update(task, completed=recorded + duplicates)
    _report(session, recorded, duplicates)


def list_plays(
    session: Session,
    listener_id: Annotated[str, typer.Argument(metavar="LISTENER", help="Who.")],
    page_size: Annotated[int, typer.Option("--count", help="How many, 1-1,000.")] = 100,
    page_token: Annotated[str, typer.Option("--page", help="Token of the next page, as printed.")] = "",
) -> None:
    """List a listener's plays, latest first."""
    response = session.client.list_plays(listener_id, page_size=page_size, page_token=page_token)
    if session.json:
        session.answer(response)
        return
    if not response.plays:
        session.out.print("No plays are known.")
        return
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    for heading in ("when (UTC)", "track", "times"):
        table.add_column(heading, justify="right" if heading == "times" else "left")
    for play in response.plays:
        when = play.time.ToDatetime().isoformat(sep=" ", timespec="seconds")
        table.add_row(when, escape(play.track_id), f"{play.plays or 1:g}")
    session.out.print(table)
    if response.next_page_token:
        session.out.print(f"[dim]more: --page {escape(response.next_page_token)}[/dim]")


def export(
    session: Session,
    listener_id: Annotated[str, typer.Argument(metavar="LISTENER", help="Who.")],
    out: Annotated[Path, typer.Option(help="CSV file to write; 'segue plays import' reads it back.")],
) -> None:
    """Export everything that is kept of a listener, latest play first."""
    count = 0
    with out.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(("listener_id", "track_id", "plays", "time", "event_id"))
        for message in session.client.export_listener(listener_id):
            for play in message.plays:
                time = f"{play.time.ToJsonString()}"
                rows.writerow((play.listener_id, play.track_id, f"{play.plays or 1:.15g}", time, play.event_id))
            count += len(message.plays)
    if session.json:
        session.out.print_json(data={"exported": count, "file": str(out)})
    else:
        session.out.print(f"Exported {count:,} plays to {escape(str(out))}.")


def erase(
    session: Session,
    listener_id: Annotated[str, typer.Argument(metavar="LISTENER", help="Who is to be forgotten.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Erase a listener: all plays, and every answer kept for them. This can't be undone."""
    if not yes:
        typer.confirm(f"Erase everything about listener {listener_id!r}?", abort=True, err=True)
    erased = session.client.erase_listener(listener_id)
    if session.json:
        session.answer(EraseListenerResponse(erased=erased))
    else:
        session.out.print(f"Erased {erased:,} plays.")


def _report(session: Session, recorded: int, duplicates: int) -> None:
    if session.json:
        session.answer(RecordPlaysResponse(recorded=recorded, duplicates=duplicates))
    else:
        session.out.print(f"Recorded {recorded:,} plays." + (f" {duplicates:,} were known." if duplicates else ""))


def _play(listener_id: str, text: str) -> Play:
    track, equals, times = text.rpartition("=")
    if not equals:
        return Play(listener_id=listener_id, track_id=text)
    try:
        return Play(listener_id=listener_id, track_id=track, plays=float(times))
    except ValueError as error:
        raise InvalidField.at("plays", f"{text!r} is not TRACK=TIMES with a number, e.g. 1234=3") from error


def _batches(lines: Iterator[str]) -> Iterator[list[Play]]:
    rows = csv.DictReader(lines, strict=True)
    try:
        names = rows.fieldnames or ()
        missing = {"listener_id", "track_id"} - set(names)
        if missing:
            raise InvalidField.at(
                "file",
                f"has no column {' and '.join(sorted(missing))} in its first line, parted by commas; "
                f"it has: {', '.join(names)[:100] or 'none'}",
            )
        plays = (_row_to_play(number, row) for number, row in enumerate(rows, 2))
        while batch := list(islice(plays, _BATCH)):
            yield batch
    except UnicodeDecodeError as error:
        text = f"is not in UTF-8, soon after line {rows.line_num}; save it as UTF-8"
        raise InvalidField.at("file", text) from error
    except csv.Error as error:
        raise InvalidField.at("file", f"can't be read after line {rows.line_num}: {error}") from error


def _row_to_play(number: int, row: dict[str, str]) -> Play:
    play = Play(
        listener_id=row["listener_id"] or "", track_id=row["track_id"] or "", event_id=row.get("event_id") or ""
    )
    try:
        play.plays = float(row.get("plays") or 0)
        if time := row.get("time"):
            play.time.FromDatetime(_time(time))
    except (ValueError, OverflowError) as error:
        right = "plays must be a number, time an ISO 8601 time or seconds since 1970"
        raise InvalidField.at("file", f"line {number}: {error}; {right}") from error
    if not play.event_id:
        content = "\t".join(
            (str(number), play.listener_id, play.track_id, row.get("time") or "", row.get("plays") or "")
        )
        play.event_id = hashlib.sha256(content.encode()).hexdigest()[:32]
    return play


def _time(text: str) -> datetime:
    if text.replace(".", "", 1).isdecimal():
        return datetime.fromtimestamp(float(text), UTC)
    time = datetime.fromisoformat(text)
    return time if time.tzinfo else time.replace(tzinfo=UTC)
