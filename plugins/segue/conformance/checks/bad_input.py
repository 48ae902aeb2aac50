"""Bad input is refused by name, in one sentence, and harms nobody."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import grpc
from segue.conformance.check import BrokenPromise, Check
from segue.conformance.failures import Failure, read_failure
from segue.conformance.subject import Subject
from segue.v1 import catalog_pb2, generate_pb2, music_pb2, recommend_pb2

JUNK_MIDI: Final = b"MThd\x00\x00\x00\x06 this is no MIDI file at all"
_SECRETS: Final = ("Traceback", 'File "', "/site-packages/", "/home/", "/usr/", "/tmp/")  # noqa: S108 - looked for


@dataclass(frozen=True)
class Bad:
    """A bad request.

    Attributes
    ----------
    what
        What is bad about it.
    request
        The request.
    field
        The field that must be named; where it is empty, any field.
    answerable
        True if an answer is right too.
    codes
        Statuses that are right.
    """

    what: str
    request: Any
    field: str
    answerable: bool = False
    codes: tuple[str, ...] = ("INVALID_ARGUMENT",)


def look(subject: Subject) -> str:
    """Send what is bad for its capability."""
    refused = 0
    for bad in subject.within_time(bad_requests(subject)):
        try:
            answer = subject.call(bad.request)
        except grpc.RpcError as error:
            _look_at(bad, read_failure(error))
            refused += 1
            continue
        if not (bad.answerable or _told(answer, bad.field)):
            raise BrokenPromise(f"{bad.what} is answered as if it were right", f"INVALID_ARGUMENT naming {bad.field}")
    subject.call(subject.probe())
    return f"{refused} refused by name"


def _look_at(bad: Bad, failure: Failure) -> None:
    if failure.code not in bad.codes:
        raise BrokenPromise(
            f"{bad.what} fails with {failure}", f"{' or '.join(bad.codes)} naming {bad.field or 'a field'}"
        )
    named = failure.names(bad.field) if bad.field else bool(failure.fields)
    if failure.code == "INVALID_ARGUMENT" and not named:
        raise BrokenPromise(f"{bad.what} is refused by {failure}", f"a refusal that names {bad.field or 'a field'}")
    for secret in _SECRETS:
        if secret in failure.text:
            raise BrokenPromise(f"the refusal of {bad.what} shows {secret!r}", "one sentence for the caller")


def _told(answer: Any, field: str) -> bool:
    """Say whether an answer says in its notices that a field could not be obeyed."""
    if getattr(answer, "unknown_track_ids", None):
        return True
    notices = [getattr(notice, "subject", notice) for notice in getattr(answer, "notices", ())]
    return any(field.partition(".")[0] in notice for notice in notices)


def bad_requests(subject: Subject) -> Iterator[Bad]:
    """Yield bad requests of an algorithm's kind."""
    capability = subject.algorithm.capability
    if capability == catalog_pb2.CAPABILITY_RECOMMEND:
        yield from _for_a_recommender(subject)
    elif capability == catalog_pb2.CAPABILITY_GENERATE:
        yield from _for_a_generator(subject)
    else:
        yield from _with_bad_music(subject)


def _for_a_recommender(subject: Subject) -> Iterator[Bad]:
    unknown = "no such track, anywhere"
    yield Bad("a negative count", subject.probe(count=-1), "count")
    yield Bad(
        "a request from nothing",
        recommend_pb2.RecommendRequest(algorithm=subject.name),
        "",
        answerable=True,  # by an algorithm that recommends the same to everybody
    )
    yield Bad(
        "a listener nobody knows",
        recommend_pb2.RecommendRequest(algorithm=subject.name, listener_id="no such listener, anywhere"),
        "listener_id",
        answerable=True,
        codes=("NOT_FOUND", "INVALID_ARGUMENT"),
    )
    history = [recommend_pb2.HistoryItem(track_id=unknown)]
    yield Bad(
        "a history of a track that nobody knows",
        recommend_pb2.RecommendRequest(algorithm=subject.name, history=history),
        "history",
        codes=("NOT_FOUND", "INVALID_ARGUMENT"),
    )
    yield Bad(
        "a seed track that nobody knows",
        recommend_pb2.RecommendRequest(algorithm=subject.name, seed_tracks=[unknown]),
        "seed_tracks",
        codes=("NOT_FOUND", "INVALID_ARGUMENT", "UNIMPLEMENTED"),
    )


def _for_a_generator(subject: Subject) -> Iterator[Bad]:
    yield Bad("a tempo of -1", subject.probe(tempo=-1.0), "tempo")
    for role in (generate_pb2.GIVEN_ROLE_OPENING, generate_pb2.GIVEN_ROLE_MELODY):
        request = subject.probe()
        request.given.add(role=role, music=music_pb2.Music(midi=JUNK_MIDI))
        yield Bad("a given piece that is no MIDI file", request, "given", codes=_OR_UNSUPPORTED)
    yield Bad("a picture that is none", subject.probe(image=b"no picture"), "image", codes=_OR_UNSUPPORTED)


_OR_UNSUPPORTED: Final = ("INVALID_ARGUMENT", "UNIMPLEMENTED")


def _with_bad_music(subject: Subject) -> Iterator[Bad]:
    accepts = getattr(subject.algorithm, "accepts", ())
    bad = {
        "midi": ("a MIDI file that is none", music_pb2.Music(midi=JUNK_MIDI)),
        "score": ("a score without a note", music_pb2.Music(score=music_pb2.Score())),
        "musicxml": ("MusicXML that is none", music_pb2.Music(musicxml=b"<score-partwise><part>")),
        "audio": ("a recording that is none", music_pb2.Music(audio=music_pb2.Audio(data=b"no recording at all"))),
    }
    for form, (what, music) in bad.items():
        request = subject.probe()
        request.music.CopyFrom(music)
        text = what if form in accepts else f"{form}, which it does not read"
        yield Bad(text, request, "music")
    request = subject.probe()
    request.ClearField("music")
    yield Bad("a request without music", request, "music")
    if "style" in getattr(subject.algorithm, "targets", ()):
        request = subject.probe()
        request.style = "no-such-style"
        yield Bad("a style that nobody knows", request, "style")


BAD_INPUT: Final = Check("bad-input", "bad input is refused by the name of its field, in one sentence", look)
