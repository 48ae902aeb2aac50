"""The Python SDK of Segue: ``Client``, ``AsyncClient``, named errors, and music files.

>>> from segue.client import Client
>>> with Client("127.0.0.1:8700") as client:  # doctest: +SKIP
...     piece = client.generate(key="G major", bars=8).pieces[0]

Answers are the messages of ``segue.v1``. Pictures and sound are in ``segue.client.media`` (extra ``media``).
"""

from segue.client._async_client import AsyncClient
from segue.client._client import Client
from segue.client._errors import (
    AlgorithmUnavailable,
    Cancelled,
    ConnectionFailed,
    DeadlineExceeded,
    Draining,
    FailedPrecondition,
    InternalError,
    InvalidField,
    InvalidMusic,
    InvalidOption,
    InvalidRequest,
    MessageTooLarge,
    MissingExtra,
    ModelServerUnavailable,
    NotFound,
    Overloaded,
    PermissionDenied,
    RequestIdReused,
    SegueError,
    Unavailable,
    UnknownAlgorithm,
    Unsupported,
)
from segue.client._midi import score_to_midi
from segue.client._music import MusicLike, music_to_midi, read_music, save_music, to_music
from segue.client._parse import (
    key_to_text,
    parse_chords,
    parse_emotion,
    parse_instrument,
    parse_key,
    parse_time_signature,
)
from segue.client._retry import RetryPolicy

__all__ = [
    "AlgorithmUnavailable",
    "AsyncClient",
    "Cancelled",
    "Client",
    "ConnectionFailed",
    "DeadlineExceeded",
    "Draining",
    "FailedPrecondition",
    "InternalError",
    "InvalidField",
    "InvalidMusic",
    "InvalidOption",
    "InvalidRequest",
    "MessageTooLarge",
    "MissingExtra",
    "ModelServerUnavailable",
    "MusicLike",
    "NotFound",
    "Overloaded",
    "PermissionDenied",
    "RequestIdReused",
    "RetryPolicy",
    "SegueError",
    "Unavailable",
    "UnknownAlgorithm",
    "Unsupported",
    "key_to_text",
    "music_to_midi",
    "parse_chords",
    "parse_emotion",
    "parse_instrument",
    "parse_key",
    "parse_time_signature",
    "read_music",
    "save_music",
    "score_to_midi",
    "to_music",
]
