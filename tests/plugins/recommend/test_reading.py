from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from segue.plugin_api import InvalidRequest
from segue.plugins.recommend.reading import read_dataset


def write(folder: Path, name: str, *lines: str) -> Path:
    path = folder / name
    path.write_text("\n".join(lines) + "\n")
    return path


def test_every_cleaning_rule_is_counted(tmp_path: Path) -> None:
    path = write(
        tmp_path, "log.csv", "user,track,plays", "a,x,2", "a,x,3", ",x,1", "a,,1", "a,y,nan", "a,y,0", "a,y,-1",
        "a,y,many", "b,x,1", "b,z,1",
    )  # fmt: skip
    data, cleaning, _ = read_dataset(path, min_listeners=2)
    assert str(cleaning) == (
        "10 rows, 2 without listener or track, 4 without valid count, 0 without readable time, 1 repeated, "
        "1 of rare tracks, 0 of short listeners"
    )
    assert data.catalogue.ids == ["x"]
    assert data.listeners == ["a", "b"]
    assert data.plays.toarray().tolist() == [[5], [1]]


def test_any_column_names_and_time_formats(tmp_path: Path) -> None:
    rows = ("a\tx\t2024-01-02T00:00:00+00:00", "a\ty\t1704153600", "a\tz\t1704153601000")
    path = write(tmp_path, "log.tsv", "who\twhat\twhen", *rows)
    data, _, _ = read_dataset(path, {"listener": "who", "track": "what", "time": "when"})
    assert data.times.tolist() == [1704153600.0, 1704153600.0, 1704153601.0]
    assert data.plays.data.tolist() == [1, 1, 1]


def test_the_latest_time_of_a_repeated_play_is_kept(tmp_path: Path) -> None:
    data, _, _ = read_dataset(write(tmp_path, "log.csv", "user,item,timestamp", "a,x,9", "a,x,5", "a,y,7"))
    history = data.history(0)
    assert [data.catalogue.ids[row] for row in history.tracks] == ["y", "x"]
    assert history.plays.tolist() == [1, 2]


def test_parquet_reads_as_csv_does(tmp_path: Path, data_folder: Path) -> None:
    import pyarrow
    from pyarrow import csv, parquet

    table: pyarrow.Table = csv.read_csv(data_folder / "plays.csv")
    parquet.write_table(table, tmp_path / "plays.parquet")
    from_parquet, from_csv = read_dataset(tmp_path)[0], read_dataset(data_folder / "plays.csv")[0]
    assert from_parquet.catalogue.ids == from_csv.catalogue.ids
    assert (from_parquet.plays != from_csv.plays).nnz == 0
    np.testing.assert_array_equal(from_parquet.times, from_csv.times)


def test_tracks_bring_names_tags_and_features_even_unplayed(data_folder: Path) -> None:
    catalogue = read_dataset(data_folder)[0].catalogue
    new = catalogue.index["t61"]
    assert (catalogue.titles[new], catalogue.artists[new]) == ("Song 61", "Artist 20")
    assert catalogue.tags_of(new) == ["jazz", "jazz 1"]
    assert catalogue.features[new].tolist() == [161]


def hetrec(folder: Path) -> Path:
    write(folder, "user_artists.tsv", "userID\tartistID\tweight", "2\t51\t100", "2\t52\t10", "3\t51\t7")
    write(folder, "artists.tsv", "id\tname\turl", '51\tThe "Band"\tu', "52\tOther\tu")
    write(folder, "tags.tsv", "tagID\ttagValue", "1\trock", "2\tmine")
    taggings = [f"{user}\t51\t1\t1\t4\t2009" for user in (2, 3, 4, 5, 6)] + ["2\t52\t2\t1\t4\t2009"]
    write(folder, "user_taggedartists.tsv", "userID\tartistID\ttagID\tday\tmonth\tyear", *taggings)
    return folder


def test_the_hetrec_folder_is_known_by_itself(tmp_path: Path) -> None:
    data, _, source = read_dataset(hetrec(tmp_path))
    assert source.non_commercial
    assert data.catalogue.titles == ['The "Band"', "Other"]
    assert data.catalogue.tags_of(0) == ["rock"]
    assert data.catalogue.tags_of(1) == [], "a tag of one listener alone says more about the listener"


def test_a_held_out_play_takes_its_listeners_tags_along(tmp_path: Path) -> None:
    data, _, _ = read_dataset(hetrec(tmp_path))
    assert data.catalogue.tags[0].sum() == 5
    rest = data.with_entries(np.array([False, True, True]))
    assert rest.catalogue.tags[0].sum() == 4
    assert rest.plays.nnz == 2


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["user,plays", "a,1"], "no column track or"),
        (["user,track", "a,b,c"], "row 2 has 3 columns"),
        (["user,track,plays", "a,b,0"], "no play left"),
        (["user,track"], "no play left after cleaning: 0 rows"),
        (["user,track,track", "a,b,c"], "two columns of the name 'track'"),
        (["user,track", "a,b", 'a,"c', "a,d"], "after row 2: unexpected end of data"),
        (["user,track", "a," + 200_000 * "x"], "after row 1: field larger than"),
    ],
)
def test_bad_files_are_named_with_what_is_wrong(tmp_path: Path, lines: list[str], words: str) -> None:
    with pytest.raises(InvalidRequest, match=words):
        read_dataset(write(tmp_path, "log.csv", *lines))


def test_what_spreadsheets_write_is_read(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes("\ufeffuser;track\r\na;Beyoncé\r\n".encode())
    assert read_dataset(path)[0].catalogue.ids == ["Beyoncé"]
    assert read_dataset(write(tmp_path, "log.csv", "user|track|plays", "a|b|2"))[0].plays.data.tolist() == [2]


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
def test_another_encoding_is_refused_before_it_spoils_names(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes("user,track\na,Beyoncé\n".encode(encoding))
    with pytest.raises(InvalidRequest, match="not in UTF-8"):
        read_dataset(path)


def test_times_that_say_nothing_are_counted(tmp_path: Path) -> None:
    data, cleaning, _ = read_dataset(write(tmp_path, "log.csv", "user,track,time", "a,x,2025-13-01", "a,y,1970-01-02"))
    assert cleaning.without_readable_time == 1
    assert data.times.tolist() == [0, 86400]


def test_numbers_of_a_parquet_column_with_gaps_are_ids_all_the_same(tmp_path: Path) -> None:
    from pyarrow import parquet, table

    parquet.write_table(table({"user": [1.0, None, float("nan"), 2.0], "item": [7.0] * 4}), tmp_path / "plays.parquet")
    data, cleaning, _ = read_dataset(tmp_path)
    assert (list(data.listeners), list(data.catalogue.ids)) == (["1", "2"], ["7"])
    assert cleaning.without_listener_or_track == 2


def test_a_parquet_file_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "plays.parquet").write_bytes(b"PAR1junk")
    with pytest.raises(InvalidRequest, match="is no Parquet file"):
        read_dataset(tmp_path)


def test_a_folder_without_plays_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match=r"neither plays\.csv"):
        read_dataset(tmp_path)
