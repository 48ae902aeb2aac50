"""Pictures and sound of music: piano rolls, analyses, spectrograms, notation (PNG, SVG), renderings (WAV).

Needs the extra ``media``, for notation also ``notation``; without them they raise `MissingExtra`. Nothing heavy
is imported before a call.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from segue.client._errors import InvalidMusic, MissingExtra
from segue.client._music import MusicLike, music_to_midi, to_music
from segue.v1.analyze_pb2 import AnalyzeResponse
from segue.v1.music_pb2 import Chord, Key

__all__ = [
    "analysis_picture",
    "notation_svg",
    "piano_roll_png",
    "render_wav",
    "require_notation",
    "require_pictures",
    "require_sound",
    "spectrogram_png",
]

PICTURES = (".png", ".svg")
"""Extensions of the pictures of an analysis."""


def piano_roll_png(
    music: MusicLike,
    path: str | Path,
    *,
    chords: Sequence[Chord] = (),
    key: Key | None = None,
    title: str = "",
    before: MusicLike | None = None,
) -> Path:
    """Draw a piano roll: time in bars to the right, pitch upwards, a colour for each track, louder notes darker.

    Parameters
    ----------
    music
        MIDI or a score: a path, bytes or a message. At most 100,000 notes.
    path
        The PNG file to write.
    chords
        Written above the notes.
    key
        Named in the heading; its tonic is marked.
    title
        The heading.
    before
        The piece before a change, drawn above; what differs is outlined in both.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    MissingExtra
        If symusic or matplotlib is not installed.
    InvalidMusic
        If the music can't be read, or has no notes, or too many.
    """
    require_pictures()
    from segue.client.media import _picture

    return _picture.draw(
        music_to_midi(music),
        Path(path),
        chords=chords,
        key=key,
        title=title,
        before=None if before is None else music_to_midi(before),
    )


def analysis_picture(music: MusicLike, response: AnalyzeResponse, path: str | Path, *, title: str = "") -> Path:
    """Draw an analysis: piano roll with chords and key; below it which bars are alike, tempo, and emotion over time.

    Parameters
    ----------
    music
        What was analysed, as MIDI or a score; of audio, ``response.transcription``. At most 100,000 notes.
    response
        The answer of Analyze. What it does not hold is not drawn.
    path
        The file to write: .png or .svg.
    title
        The heading.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    MissingExtra
        If symusic or matplotlib is not installed.
    InvalidMusic
        If the music can't be read, or has no notes, or too many; or if the extension is another.
    """
    require_pictures()
    from segue.client.media import _picture

    path = Path(path)
    if path.suffix.lower() not in PICTURES:
        raise InvalidMusic.at("path", f"{path} is no picture that can be written: {', '.join(PICTURES)}")
    key = response.key.key if response.HasField("key") else None
    return _picture.draw(
        music_to_midi(music), path, chords=response.chords, key=key, title=title, before=None, analysis=response
    )


def notation_svg(music: MusicLike, path: str | Path, *, key: Key | None = None, title: str = "") -> Path:
    """Engrave music as notation. What is there as notes is written for reading: in sixteenths and triplets.

    Parameters
    ----------
    music
        MusicXML, MIDI or a score: a path, bytes or a message. Of MIDI at most 100,000 notes; a staff has one voice, in
        which a note ends where the next begins.
    path
        The SVG file to write.
    key
        The key signature; by default the one that a MIDI file states. MusicXML states its own.
    title
        The heading. MusicXML states its own.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    MissingExtra
        If symusic or verovio is not installed.
    InvalidMusic
        If the music can't be read, or has no notes, or too many; or if it is audio.
    """
    require_notation()
    from segue.client.media import _notation

    return _notation.engrave(music, Path(path), key=key, title=title)


def spectrogram_png(music: MusicLike, path: str | Path, *, title: str = "", before: MusicLike | None = None) -> Path:
    """Draw the spectrogram of a recording: time in seconds to the right, frequency upwards, louder is brighter.

    Parameters
    ----------
    music
        Audio: a path, bytes or a message. Ten minutes of it are drawn at most.
    path
        The PNG file to write.
    title
        The heading.
    before
        The recording before a change, drawn above at the same scales.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    MissingExtra
        If numpy, matplotlib or soundfile is not installed.
    InvalidMusic
        If the music is no audio or can't be decoded.
    """
    require_pictures()
    _require("A spectrogram", "soundfile")
    from segue.client.media import _spectrogram

    return _spectrogram.draw(
        to_music(music), Path(path), title=title, before=None if before is None else to_music(before)
    )


def render_wav(music: MusicLike, path: str | Path, *, max_seconds: float = 600.0) -> float:
    """Render music with a General MIDI SoundFont, in stereo at 44.1 kHz, 16 bit.

    Parameters
    ----------
    music
        MIDI or a score: a path, bytes or a message.
    path
        The file to write: .wav, .flac or .ogg.
    max_seconds
        What lies beyond is left out.

    Returns
    -------
    float
        Length of the file in seconds: until the last note has died away.

    Raises
    ------
    MissingExtra
        If symusic, tinysoundfont, soundfile or pretty_midi (whose SoundFont is used) is not installed.
    InvalidMusic
        If the music can't be read, or nothing in it sounds.
    """
    require_sound()
    from segue.client.media import _sound

    return _sound.render(music_to_midi(music), Path(path), max_seconds=max_seconds)


def require_pictures() -> None:
    """Raise `MissingExtra` if pictures can't be drawn here."""
    _require("A piano roll", "numpy", "symusic", "matplotlib")


def require_notation() -> None:
    """Raise `MissingExtra` if notation can't be engraved here."""
    _require("Notation", "numpy", "symusic")
    if find_spec("verovio") is None:
        raise MissingExtra(
            "Notation needs the extra 'notation' (verovio is not installed): pip install 'segue[notation]'"
        )


def require_sound() -> None:
    """Raise `MissingExtra` if sound can't be rendered here."""
    _require("Sound", "numpy", "symusic", "soundfile", "pretty_midi")
    if find_spec("tinysoundfont") is None:
        raise MissingExtra(
            "Sound needs tinysoundfont, which is not installed: pip install --no-deps tinysoundfont "
            "(its dependency pyaudio, which has no wheel, is not used)"
        )


def _require(what: str, *modules: str) -> None:
    missing = [module for module in modules if find_spec(module) is None]
    if missing:
        raise MissingExtra(
            f"{what} needs the extra 'media' ({', '.join(missing)} not installed): pip install 'segue[media]'"
        )
