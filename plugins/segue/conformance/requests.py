"""Requests that an algorithm answers, made from its own probe: different ones of the same kind."""

from __future__ import annotations

import io
from typing import Any, Final

import grpc
import numpy as np
from segue.conformance.subject import Subject
from segue.music import music_to_piece, piece_to_midi
from segue.v1 import catalog_pb2, music_pb2, recommend_pb2

MOST: Final = 6


def different_requests(subject: Subject) -> list[Any]:
    """Return up to six requests that differ and that the algorithm answers, the probe first; each has a seed.

    Histories of one track each, taken from its own answer, for a recommender; transpositions of the probe's music for
    an algorithm that takes music; other seeds and keys for a generator.
    """
    requests = [subject.probe(seed=seed) for seed in range(1, MOST + 1)]
    for index, request in enumerate(requests[1:], 1):
        _change(subject, request, index)
    first, *others = requests
    return [first, *(request for request in others[: subject.affordable(MOST, 1)] if _answered(subject, request))]


def _change(subject: Subject, request: Any, index: int) -> None:
    capability = subject.algorithm.capability
    if capability == catalog_pb2.CAPABILITY_RECOMMEND:
        found = subject.call(subject.probe()).recommendations
        if found:
            track = found[index % len(found)].track_id
            for field in ("history", "seed_tracks", "seed_artists", "listener_id"):
                request.ClearField(field)
            request.history.append(recommend_pb2.HistoryItem(track_id=track, plays=index))
    elif capability == catalog_pb2.CAPABILITY_GENERATE:
        if request.HasField("key"):
            request.key.tonic = (request.key.tonic + index) % 12
    else:
        request.music.CopyFrom(changed_music(request.music, index))


def changed_music(music: music_pb2.Music, steps: int) -> music_pb2.Music:
    """Return music transposed by some semitones, or a recording begun some tenths of a second later."""
    if music.WhichOneof("content") == "audio":
        return music_pb2.Music(audio=music_pb2.Audio(data=_rolled(music.audio.data, 0.1 * steps)))
    piece, _ = music_to_piece(music)
    moved = np.where(piece.is_drum, piece.pitch, np.clip(piece.pitch + steps, 0, 127))
    return music_pb2.Music(midi=piece_to_midi(piece.with_notes(pitch=moved)))


def _rolled(data: bytes, seconds: float) -> bytes:
    import soundfile  # only recordings need it

    sound, rate = soundfile.read(io.BytesIO(data), dtype="float32")
    out = io.BytesIO()
    soundfile.write(out, np.roll(sound, int(seconds * rate), axis=0), rate, format="WAV")
    return out.getvalue()


def _answered(subject: Subject, request: Any) -> bool:
    """Call, and say whether it was answered; a kind of request that the algorithm refuses by name is left out."""
    try:
        subject.call(request)
    except grpc.RpcError as error:
        if error.code() in (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.UNIMPLEMENTED):
            return False
        raise
    return True
