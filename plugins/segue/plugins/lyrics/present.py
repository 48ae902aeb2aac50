"""From a written verse to the messages of an answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from segue.music import Piece, piece_to_midi, piece_to_notes, to_key
from segue.music.musicxml_writer import piece_to_musicxml
from segue.plugins.lyrics.commission import Commission
from segue.plugins.lyrics.poet import Poet, Verse
from segue.plugins.lyrics.setting import set_words, written
from segue.plugins.lyrics.texts import copied_share
from segue.v1 import generate_pb2, music_pb2

COPIED: Final = 5
"""Words in a row that count as copied."""
_MOST_SOURCES: Final = 3


def lines_of(verse: Verse, poet: Poet) -> list[list[str]]:
    """Return a verse as words, with capitals."""
    return [written([poet.vocabulary.words[word] for word in line]) for line in verse.lines]


def bar_messages(piece: Piece, first: int, beyond: float) -> tuple[list[generate_pb2.GenerateStreamResponse], int]:
    """Return the bars from ``first`` on that end before a beat, with their words, and the number of the next one."""
    starts = [*piece.bar_starts.tolist(), float("inf")]
    messages = []
    number = first
    while number < len(starts) and starts[number] <= beyond:
        inside = piece.select((piece.start >= starts[number - 1] - 1e-6) & (piece.start < starts[number] - 1e-6))
        score = music_pb2.Score()
        track = score.tracks.add(name=piece.tracks[0].name, program=piece.tracks[0].program)
        track.notes.extend(piece_to_notes(inside))
        score.lyrics.extend(
            music_pb2.Lyric(beat=word.beat, text=word.text)
            for word in piece.lyrics
            if starts[number - 1] - 1e-6 <= word.beat < starts[number] - 1e-6
        )
        bar = generate_pb2.Bar(number=number, total=len(starts) - 1, score=score)
        messages.append(generate_pb2.GenerateStreamResponse(bar=bar))
        number += 1
    return messages, number


def with_words(commission: Commission, lines: Sequence[Sequence[str]]) -> Piece:
    """Return the melody with words under its notes."""
    return replace(commission.melody, lyrics=set_words(commission.melody, lines))


def complete_message(
    commission: Commission, piece: Piece, lines: Sequence[Sequence[str]], verse: Verse | None, poet: Poet
) -> generate_pb2.GenerateStreamResponse:
    """Return the whole piece."""
    meter = piece.meter_map[0]
    answer = generate_pb2.Piece(
        music=music_pb2.Music(midi=piece_to_midi(piece)),
        tempo=float(piece.tempos[0].quarters_per_minute) if piece.tempos else 120.0,
        time_signature=music_pb2.TimeSignature(numerator=meter.numerator, denominator=meter.denominator),
        bars=len(piece.bar_starts),
        lyrics=[music_pb2.Lyric(beat=word.beat, text=word.text) for word in piece.lyrics],
        musicxml=piece_to_musicxml(piece),
        verse="\n".join(" ".join(line) for line in lines),
    )
    if piece.keys:
        answer.key.CopyFrom(to_key(piece.keys[0].tonic, piece.keys[0].minor))
    notices = list(commission.notices)
    if verse is not None:
        originality = report_copies(verse, poet)
        answer.originality.CopyFrom(originality)
        if originality.longest_run > verse.order.most_copied:
            text = f"No line was found that copies at most {verse.order.most_copied} words in a row of a training text."
            notices.append(music_pb2.Notice(subject="options.copied_words", text=text))
    elif len(piece.lyrics) < len(piece):
        text = f"Its words end before the melody: {len(piece) - len(piece.lyrics)} notes are without one."
        notices.append(music_pb2.Notice(subject="lyrics.text", text=text))
    response = generate_pb2.GenerateResponse(pieces=[answer], understood=commission.understood, notices=notices)
    return generate_pb2.GenerateStreamResponse(complete=response)


def report_copies(verse: Verse, poet: Poet) -> music_pb2.Originality:
    """Return how far a verse copies the training texts, in words."""
    runs = poet.texts.runs(verse.words)
    longest: dict[str, int] = {}
    for run in runs:
        longest[run.title] = max(longest.get(run.title, 0), run.length)
    nearest = sorted(longest.items(), key=lambda item: (-item[1], item[0]))[:_MOST_SOURCES]
    return music_pb2.Originality(
        copied_fraction=copied_share(runs, len(verse.words), COPIED),
        longest_run=max(longest.values(), default=0),
        sources=[
            music_pb2.SourceMatch(title=title, similarity=length / len(verse.words), longest_run=length)
            for title, length in nearest
        ],
    )
