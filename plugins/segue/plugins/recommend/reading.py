"""Reads plays and tracks: CSV, TSV or Parquet with any column names, or the HetRec 2011 Last.fm folder.

Cleaning, in this order, each rule counted in ``Cleaning``:

1. a row without a listener or a track is dropped;
2. a row whose count is no number, not finite or not above 0 is dropped; without a count column every row counts 1;
   one whose time can't be read is kept, as played before all others;
3. rows of the same listener and track become one: counts added up, the latest time kept;
4. a track with fewer than ``min_listeners`` listeners is dropped, then a listener with fewer than ``min_tracks``
   tracks; once each, in this order;
5. a tag given by fewer than ``MIN_TAGGERS`` listeners is dropped, where it is known who gave it: it says more about
   the listener than about the track.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from segue.plugin_api import InvalidRequest
from segue.plugin_api.training import DataSource
from segue.plugins.recommend.dataset import Catalogue, Dataset, count_tags
from segue.plugins.recommend.tables import Columns, read_table

MIN_TAGGERS: Final = 5

COLUMNS: Final[Mapping[str, Sequence[str]]] = {
    "listener": ("listener", "listener_id", "user", "user_id", "userid", "username", "session_id", "playlist_id"),
    "track": ("track", "track_id", "trackid", "item", "item_id", "song", "song_id", "artist_id", "artistid"),
    "count": ("plays", "count", "play_count", "playcount", "weight", "listens"),
    "time": ("time", "timestamp", "date", "played_at"),
}
"""What a column of plays may be called, in lower case; settings may name others."""

FIRST_YEAR: Final = 2002

HETREC: Final = "user_artists.tsv"


@dataclass
class Cleaning:
    """How many rows each rule met."""

    rows: int = 0
    without_listener_or_track: int = 0
    without_valid_count: int = 0
    without_readable_time: int = 0
    repeated: int = 0
    of_rare_tracks: int = 0
    of_short_listeners: int = 0

    def __str__(self) -> str:
        return ", ".join(f"{value:,} {name.replace('_', ' ')}" for name, value in asdict(self).items())


@dataclass
class Tracks:
    """What is known of tracks beside the plays, by track id.

    Attributes
    ----------
    names
        Title and artist.
    features
        Musical features, equally many for each.
    tags
        Tags, where nobody knows who gave them.
    taggings
        (listener, track, tag), where it is known who gave a tag.
    """

    names: dict[str, tuple[str, str]] = field(default_factory=dict)
    features: dict[str, list[float]] = field(default_factory=dict)
    tags: dict[str, list[str]] = field(default_factory=dict)
    taggings: list[tuple[str, str, str]] = field(default_factory=list)


def read_dataset(
    path: Path,
    columns: Mapping[str, str] | None = None,
    min_listeners: int = 1,
    min_tracks: int = 1,
    *,
    in_order: bool = False,
) -> tuple[Dataset, Cleaning, DataSource]:
    """Read a data set.

    Parameters
    ----------
    path
        A file of plays; or a folder with ``plays.(csv|tsv|parquet)`` and perhaps ``tracks.(csv|tsv|parquet)``, whose
        columns are ``id``, ``title``, ``artist``, ``tags`` (parted by ``|``), all others musical features; or the
        HetRec folder, known by its ``user_artists.tsv``.
    columns
        ``"listener"``, ``"track"``, ``"count"``, ``"time"`` → name of the column; the usual names are found without.
    min_listeners, min_tracks
        Tracks and listeners with fewer are dropped.
    in_order
        The times matter. HetRec's plays have none, so the first time a listener tagged an artist is read instead;
        it is known to the month.

    Raises
    ------
    InvalidRequest
        If there are no plays to be found, or a column is missing.
    """
    names = dict(columns or {})
    if (path / HETREC).is_file():
        plays = path / ("user_taggedartists.tsv" if in_order else HETREC)
        names = {"listener": "userID", "track": "artistID"} | ({} if in_order else {"count": "weight"}) | names
        tracks = hetrec_tracks(path)
        source = DataSource("HetRec 2011 Last.fm-2k", "HetRec 2011 Last.fm: research, non-commercial", path, True)
    else:
        plays = _find(path, "plays") if path.is_dir() else path
        tracks = read_tracks(_find(path, "tracks")) if path.is_dir() and _has(path, "tracks") else Tracks()
        source = DataSource(path.name, "as its owner states", path)
    cleaning = Cleaning()
    table = read_table(plays)
    if plays.name == "user_taggedartists.tsv":
        table = _first_months(table)
    data = build_dataset(_choose(plays, table, names), tracks, cleaning, min_listeners, min_tracks)
    if data.plays.nnz == 0:
        raise InvalidRequest("data", f"{plays.name} has no play left after cleaning: {cleaning}")
    return data, cleaning, source


def build_dataset(
    columns: Columns, tracks: Tracks, cleaning: Cleaning, min_listeners: int = 1, min_tracks: int = 1
) -> Dataset:
    """Clean and join columns ``"listener"``, ``"track"`` and perhaps ``"count"``, ``"time"`` into a data set."""
    return _assemble(*_join(columns, cleaning), tracks, min_listeners, min_tracks, cleaning)


def _has(folder: Path, stem: str) -> bool:
    return any((folder / f"{stem}{suffix}").is_file() for suffix in (".csv", ".tsv", ".parquet"))


def _find(folder: Path, stem: str) -> Path:
    for suffix in (".csv", ".tsv", ".parquet"):
        if (path := folder / f"{stem}{suffix}").is_file():
            return path
    raise InvalidRequest("data", f"{folder} has neither {stem}.csv, {stem}.tsv, {stem}.parquet nor {HETREC}")


def _choose(path: Path, table: Columns, names: Mapping[str, str]) -> Columns:
    """Return the columns by their meaning."""
    lower = {name.casefold().strip(): name for name in table}
    chosen: dict[str, Sequence[Any]] = {}
    for meaning, usual in COLUMNS.items():
        candidates = [names[meaning].casefold()] if meaning in names else usual
        found = next((lower[name] for name in candidates if name in lower), None)
        if found is not None:
            chosen[meaning] = table[found]
        elif meaning in names or meaning in ("listener", "track"):
            raise InvalidRequest(
                "data", f"{path.name} has no column {' or '.join(candidates)} for the {meaning}; it has {list(table)}"
            )
    return chosen


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return float("nan")


def _seconds(value: Any) -> float:
    """Return a time as seconds since 1970: a number of seconds or milliseconds, ISO 8601 text; NaN if unreadable."""
    if not isinstance(value, datetime):
        number = _number(value)
        if np.isfinite(number):
            return number / 1000 if number > 1e11 else max(number, 0.0)
        try:
            value = datetime.fromisoformat(str(value).strip())
        except ValueError:
            return float("nan")
    return max(float((value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()), 0.0)


def _text(value: Any) -> str:
    """Return an identifier or a name as text; a column of whole numbers with gaps may come as floats."""
    if isinstance(value, float):
        value = int(value) if value.is_integer() else value if np.isfinite(value) else None
    return "" if value is None else str(value).strip()


def _codes(values: Iterable[str]) -> tuple[NDArray[np.int64], list[str]]:
    """Number distinct values in order of appearance."""
    numbers: dict[str, int] = {}
    codes = np.fromiter((numbers.setdefault(value, len(numbers)) for value in values), dtype=np.int64)
    return codes, list(numbers)


Joined = tuple[sp.csr_matrix, sp.csr_matrix, list[str], list[str]]


def _join(columns: Columns, cleaning: Cleaning) -> Joined:
    """Apply rules 1 to 3; return plays, times + 1 (both listeners by tracks), listener ids and track ids."""
    listeners, tracks = ([_text(value) for value in columns[name]] for name in ("listener", "track"))
    counts = np.array([_number(v) for v in columns["count"]]) if "count" in columns else np.ones(len(listeners))
    times = np.array([_seconds(v) for v in columns["time"]]) if "time" in columns else np.zeros(len(listeners))
    named = np.array([bool(listener and track) for listener, track in zip(listeners, tracks, strict=True)], dtype=bool)
    counted = np.isfinite(counts) & (counts > 0)
    timeless = np.isnan(times)
    times[timeless] = 0.0
    cleaning.rows = len(listeners)
    cleaning.without_listener_or_track = int((~named).sum())
    cleaning.without_valid_count = int((named & ~counted).sum())
    cleaning.without_readable_time = int((named & counted & timeless).sum())
    rows = np.flatnonzero(named & counted)
    u, listener_ids = _codes(listeners[row] for row in rows)
    i, track_ids = _codes(tracks[row] for row in rows)
    order = np.lexsort((times[rows], i, u))
    u, i, rows = u[order], i[order], rows[order]
    first = np.append(True, (u[1:] != u[:-1]) | (i[1:] != i[:-1])) if len(u) else np.zeros(0, bool)
    last = np.append(first[1:], True) if len(u) else first
    cleaning.repeated = int((~first).sum())
    group = np.cumsum(first) - 1
    shape = (len(listener_ids), len(track_ids))
    totals = np.bincount(group, weights=counts[rows])
    plays = sp.csr_matrix((totals.astype(np.float32), (u[first], i[first])), shape=shape)
    # One more than the time, so that a time of 0 stays a stored entry.
    stamps = sp.csr_matrix((times[rows][last] + 1, (u[first], i[first])), shape=shape)
    return plays, stamps, listener_ids, track_ids


def _assemble(
    plays: sp.csr_matrix,
    stamps: sp.csr_matrix,
    listeners: list[str],
    played: list[str],
    tracks: Tracks,
    min_listeners: int,
    min_tracks: int,
    cleaning: Cleaning,
) -> Dataset:
    """Apply rules 4 and 5 and join the plays with what is known of the tracks."""
    popular = np.bincount(plays.indices, minlength=plays.shape[1]) >= min_listeners
    cleaning.of_rare_tracks = int((~popular[plays.indices]).sum())
    plays, stamps = plays[:, popular], stamps[:, popular]
    played = [name for name, keep in zip(played, popular, strict=True) if keep]
    long = np.diff(plays.indptr) >= max(min_tracks, 1)
    cleaning.of_short_listeners = int(np.diff(plays.indptr)[~long].sum())
    plays, stamps = plays[long], stamps[long]
    listeners = [name for name, keep in zip(listeners, long, strict=True) if keep]

    ids = played + sorted(set(tracks.names) - set(played)) if min_listeners <= 1 else played
    names = [tracks.names.get(track, (track, "")) for track in ids]
    width = max((len(values) for values in tracks.features.values()), default=0)
    unknown = [float("nan")] * width
    features = np.array([tracks.features.get(track, unknown) for track in ids], dtype=np.float32).reshape(
        len(ids), width
    )
    row_of = {track: row for row, track in enumerate(ids)}
    listener_of = {listener: row for row, listener in enumerate(listeners)}
    taggings, tag_names = _number_taggings(tracks, row_of, listener_of)
    plays = sp.csr_matrix((plays.data, plays.indices, plays.indptr), shape=(len(listeners), len(ids)))
    catalogue = Catalogue(
        ids=ids,
        titles=[title for title, _ in names],
        artists=[artist for _, artist in names],
        tag_names=tag_names,
        tags=count_tags(taggings, (len(ids), len(tag_names))),
        features=features,
    )
    return Dataset(catalogue, listeners, plays, np.asarray(stamps.data, dtype=np.float64) - 1, taggings)


def _number_taggings(
    tracks: Tracks, row_of: Mapping[str, int], listener_of: Mapping[str, int]
) -> tuple[NDArray[np.int32], list[str]]:
    """Return taggings as (listener or -1, track, tag) rows, rule 5 applied, and the names of the tags."""
    given = [(-1, track, tag) for track, tags in tracks.tags.items() for tag in tags if track in row_of]
    known = [entry for entry in tracks.taggings if entry[1] in row_of]
    taggers: dict[str, set[str]] = {}
    for listener, _, tag in known:
        taggers.setdefault(tag, set()).add(listener)
    rows = [(who, row_of[track], tag) for who, track, tag in given]
    rows += [(listener_of.get(w, -1), row_of[t], tag) for w, t, tag in known if len(taggers[tag]) >= MIN_TAGGERS]
    codes, names = _codes(tag for _, _, tag in rows)
    table = np.array([(who, track) for who, track, _ in rows], dtype=np.int32).reshape(-1, 2)
    return np.column_stack([table, codes.astype(np.int32)]), names


def read_tracks(path: Path) -> Tracks:
    """Read a table of tracks."""
    table = read_table(path)
    lower = {name.casefold().strip(): column for name, column in table.items()}
    key = next((name for name in ("id", *COLUMNS["track"]) if name in lower), None)
    if key is None:
        raise InvalidRequest("data", f"{path.name} has no column 'id'; it has {list(table)}")
    ids = [_text(value) for value in lower[key]]
    blank: Sequence[Any] = [""] * len(ids)
    titles = lower.get("title", lower.get("name", blank))
    known = {key, "title", "name", "artist", "tags"}
    numeric = [column for name, column in lower.items() if name not in known]
    tracks = Tracks()
    for row, (track, title, artist, tags) in enumerate(
        zip(ids, titles, lower.get("artist", blank), lower.get("tags", blank), strict=True)
    ):
        tracks.names[track] = (_text(title) or track, _text(artist))
        listed = tags if isinstance(tags, list) else _text(tags).split("|")
        tracks.tags[track] = [tag for tag in map(_text, listed) if tag]
        if numeric:
            tracks.features[track] = [_number(column[row]) for column in numeric]
    return tracks


def _first_months(taggings: Columns) -> Columns:
    """Return when each listener first tagged each artist; years before Last.fm are typing errors and dropped."""
    first: dict[tuple[str, str], str] = {}
    columns = (taggings[name] for name in ("userID", "artistID", "year", "month"))
    for listener, artist, year, month in zip(*columns, strict=True):
        if int(year) >= FIRST_YEAR:
            date = f"{year}-{int(month):02d}-01"
            first[listener, artist] = min(first.get((listener, artist), date), date)
    return {
        "userID": [listener for listener, _ in first],
        "artistID": [artist for _, artist in first],
        "time": list(first.values()),
    }


def hetrec_tracks(folder: Path) -> Tracks:
    """Read names and tags of the HetRec artists."""
    artists = read_table(folder / "artists.tsv", "replace")
    tracks = Tracks(names={str(i): (name, name) for i, name in zip(artists["id"], artists["name"], strict=True)})
    tags = read_table(folder / "tags.tsv", "replace")  # as published, it mixes encodings
    tag_of = dict(zip(tags["tagID"], tags["tagValue"], strict=True))
    given = read_table(folder / "user_taggedartists.tsv")
    tracks.taggings = [
        (user, artist, tag_of[tag])
        for user, artist, tag in zip(given["userID"], given["artistID"], given["tagID"], strict=True)
        if tag in tag_of
    ]
    return tracks
