"""Music files: reading one into a ``Music`` message and writing one back."""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

from segue.client._errors import InvalidMusic
from segue.client._midi import score_to_midi
from segue.v1.music_pb2 import Audio, Music, Score

MusicLike: TypeAlias = Music | Score | bytes | str | Path
"""Music as a message, a score, the bytes of a file, or the path of a file."""

MAX_SCORE_BYTES = 8 * 1024 * 1024
"""Largest MIDI or MusicXML file that a server takes."""
MAX_AUDIO_BYTES = 48 * 1024 * 1024
"""Largest audio file that a server takes."""

_MIDI = (".mid", ".midi")
_MUSICXML = (".musicxml", ".mxl", ".xml")
_AUDIO = (".wav", ".flac", ".ogg", ".mp3")


def read_music(path: str | Path) -> Music:
    """Read a MIDI, MusicXML or audio file.

    Parameters
    ----------
    path
        A file whose extension names its form: .mid, .midi, .musicxml, .mxl, .xml, .wav, .flac, .ogg or .mp3.

    Raises
    ------
    InvalidMusic
        If there is no such file, or it is larger than a server takes, or not what its extension says.
    """
    path = Path(path)
    extension = path.suffix.lower()
    if extension not in (*_MIDI, *_MUSICXML, *_AUDIO):
        forms = ", ".join((*_MIDI, *_MUSICXML, *_AUDIO))
        raise InvalidMusic.at("music", f"{path} is not of a form that Segue reads: {forms}")
    limit = MAX_AUDIO_BYTES if extension in _AUDIO else MAX_SCORE_BYTES
    try:
        if (size := path.stat().st_size) > limit:
            raise InvalidMusic.at("music", f"{path} has {size:,} bytes; at most {limit:,} are taken")
        data = path.read_bytes()
    except OSError as error:
        raise InvalidMusic.at("music", f"{path} can't be read: {error.strerror}") from error
    if extension in _MUSICXML:
        return Music(musicxml=data)
    music = bytes_to_music(data, str(path))
    if music.HasField("audio") != (extension in _AUDIO):
        found = "audio" if music.HasField("audio") else "MIDI"
        raise InvalidMusic.at("music", f"{path} contains {found}, which its extension does not say")
    return music


def bytes_to_music(data: bytes, subject: str = "data") -> Music:
    """Make a message of a file's bytes, whose form is read from how they begin.

    Parameters
    ----------
    data
        A MIDI, MusicXML, WAV, FLAC, OGG or MP3 file.
    subject
        What the error calls it.

    Raises
    ------
    InvalidMusic
        If they begin like none of these, or are too many.
    """
    if data.startswith(b"MThd"):
        music = Music(midi=data)
    elif data.startswith((b"PK\x03\x04", b"<?xml", b"\xef\xbb\xbf<?xml", b"<score-")):
        music = Music(musicxml=data)
    elif _is_audio(data):
        music = Music(audio=Audio(data=data))
    else:
        start = data[:4].hex(" ") or "nothing"
        raise InvalidMusic.at("music", f"{subject} begins with {start}: not MIDI, MusicXML, WAV, FLAC, OGG or MP3")
    limit = MAX_AUDIO_BYTES if music.HasField("audio") else MAX_SCORE_BYTES
    if len(data) > limit:
        raise InvalidMusic.at("music", f"{subject} has {len(data):,} bytes; at most {limit:,} are taken")
    return music


def _is_audio(data: bytes) -> bool:
    if data.startswith((b"fLaC", b"OggS", b"ID3")) or (data.startswith((b"RIFF", b"RF64")) and data[8:12] == b"WAVE"):
        return True
    return len(data) > 1 and data[0] == 0xFF and data[1] & 0xE0 == 0xE0  # an MP3 frame without tags


def to_music(value: MusicLike) -> Music:
    """Make a message of whatever stands for music: see `MusicLike`."""
    if isinstance(value, Music):
        return value
    if isinstance(value, Score):
        return Music(score=value)
    if isinstance(value, bytes):
        return bytes_to_music(value)
    if isinstance(value, str | Path):
        return read_music(value)
    raise InvalidMusic.at("music", f"a {type(value).__name__} is no music; give a path, bytes, a Score or a Music")


def music_to_midi(value: MusicLike) -> bytes:
    """Return music as the bytes of a MIDI file.

    Raises
    ------
    InvalidMusic
        If it is audio or MusicXML, which only a server turns into notes.
    """
    music = to_music(value)
    match music.WhichOneof("content"):
        case "midi":
            return music.midi
        case "score":
            return score_to_midi(music.score)
        case other:
            raise InvalidMusic.at("music", f"{other or 'empty music'} holds no notes as they stand; MIDI is needed")


def music_extension(music: Music) -> str:
    """The extension that fits what the message holds, e.g. ``".mid"``."""
    match music.WhichOneof("content"):
        case "musicxml":
            return ".mxl" if music.musicxml.startswith(b"PK") else ".musicxml"
        case "audio":
            data = music.audio.data
            return {b"fLaC": ".flac", b"OggS": ".ogg", b"RIFF": ".wav", b"RF64": ".wav"}.get(data[:4], ".mp3")
    return ".mid"


def save_music(music: MusicLike, path: str | Path) -> Path:
    """Write music to a file; a score is written as MIDI.

    Parameters
    ----------
    music
        What to write.
    path
        The file. Without an extension it gets the one that fits; one that contradicts the content is refused.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    InvalidMusic
        If there is nothing to write, or the extension names another form.
    """
    music = to_music(music)
    path = Path(path)
    right = music_extension(music)
    if not path.suffix:
        path = path.with_suffix(right)
    families = (_MIDI, (".musicxml", ".xml"), (".mxl",))
    allowed = next((family for family in families if right in family), (right,))
    if path.suffix.lower() not in allowed:
        raise InvalidMusic.at("path", f"{path} can't hold this music, whose extension is {right}")
    match music.WhichOneof("content"):
        case "musicxml":
            data = music.musicxml
        case "audio":
            data = music.audio.data
        case _:
            data = music_to_midi(music)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path
