"""``segue recommend``."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table
from segue.client.cli._session import UNSET, AlgorithmName, OptionValues, Session, command, parse_options
from segue.client.cli._text import lineage_line, notice_lines, percent
from segue.v1.recommend_pb2 import Recommendation, RecommendResponse


def add_to(app: typer.Typer) -> None:
    """Add the command to an app."""
    command(app, example="segue recommend --listener 2 --count 5")(recommend)


def recommend(
    session: Session,
    listener_id: Annotated[str, typer.Option("--listener", help="Listener whose plays are known to the server.")] = "",
    history: Annotated[
        list[str], typer.Option(metavar="TRACK[=PLAYS]", help="A track that was played. May be repeated.")
    ] = UNSET,
    seed_tracks: Annotated[
        list[str], typer.Option("--like", metavar="TRACK", help="More like this track. May be repeated.")
    ] = UNSET,
    seed_artists: Annotated[
        list[str], typer.Option("--like-artist", metavar="ARTIST", help="Like this artist. May be repeated.")
    ] = UNSET,
    count: Annotated[int, typer.Option(help="How many tracks, 1-500.")] = 10,
    tags: Annotated[list[str], typer.Option("--tag", help="Only with this tag. May be repeated.")] = UNSET,
    excluded_tags: Annotated[list[str], typer.Option("--no-tag", help="Not with this tag.")] = UNSET,
    artists: Annotated[list[str], typer.Option("--artist", help="Only by this artist.")] = UNSET,
    excluded_artists: Annotated[list[str], typer.Option("--no-artist", help="Not by this artist.")] = UNSET,
    exclude_known: Annotated[bool, typer.Option("--exclude-known/--known", help="Leave out what was played.")] = True,
    diversity: Annotated[float, typer.Option(help="0 (most relevant) to 1 (most varied).")] = 0.0,
    novelty: Annotated[float, typer.Option(help="0 (most relevant) to 1 (least played).")] = 0.0,
    language: Annotated[str, typer.Option(help="Language of the reasons: en or zh.")] = "en",
    algorithm: AlgorithmName = "",
    options: OptionValues = UNSET,
    seed: Annotated[int | None, typer.Option(help="Seed of whatever is drawn at random.")] = None,
    page_token: Annotated[str, typer.Option("--page", help="Token of the next page, as printed.")] = "",
) -> None:
    """Recommend tracks for a listener, a history, or a few tracks, with reasons."""
    response = session.client.recommend(
        listener_id=listener_id,
        history=_plays(history),
        seed_tracks=seed_tracks,
        seed_artists=seed_artists,
        count=count,
        page_token=page_token,
        tags=tags,
        excluded_tags=excluded_tags,
        artists=artists,
        excluded_artists=excluded_artists,
        exclude_known=exclude_known,
        diversity=diversity,
        novelty=novelty,
        language=language,
        algorithm=algorithm,
        options=parse_options(options) or None,
        seed=seed,
    )
    if session.json:
        session.answer(response)
    else:
        _show(session, response)


def _plays(texts: list[str]) -> dict[str, float]:
    """Read ``TRACK`` or ``TRACK=PLAYS``; the track's own equals signs are kept."""
    plays = {}
    for text in texts:
        track, equals, number = text.rpartition("=")
        try:
            plays[track if equals else text] = float(number) if equals else 1.0
        except ValueError:
            plays[text] = 1.0
    return plays


def _show(session: Session, response: RecommendResponse) -> None:
    if response.recommendations:
        session.out.print(_table(response))
    else:
        session.out.print("Nothing to recommend under these filters.")
    if response.unknown_track_ids:
        unknown = ", ".join(response.unknown_track_ids[:5])
        more = len(response.unknown_track_ids) - 5
        session.out.print(
            f"[yellow]note[/yellow] not in the catalogue: {escape(unknown)}{f' +{more}' if more > 0 else ''}"
        )
    for line in notice_lines(response.notices):
        session.out.print(line)
    if response.next_page_token:
        session.out.print(f"[dim]more: --page {escape(response.next_page_token)}[/dim]")
    session.out.print(lineage_line(response.lineage))


def _table(response: RecommendResponse) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(justify="right", style="dim")
    table.add_column(ratio=1)
    table.add_column(justify="right")
    for rank, track in enumerate(response.recommendations, 1):
        tags = f"  [cyan]{escape(', '.join(track.tags[:4]))}[/cyan]" if track.tags else ""
        text = f"[bold]{escape(_title(track))}[/bold]{tags}\n[dim]{escape(_reason(track))}[/dim]".rstrip("\n")
        table.add_row(str(rank), text, f"{track.score:.3f}")
    return table


def _title(track: Recommendation) -> str:
    title = track.title or track.track_id
    return f"{track.artist} - {title}" if track.artist and track.artist != title else title


def _reason(track: Recommendation) -> str:
    if track.reason or not track.causes:
        return track.reason
    causes = ", ".join(f"{cause.title or cause.track_id} ({percent(cause.share)})" for cause in track.causes[:3])
    return f"you play {causes}"
