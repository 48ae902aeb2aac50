"""Where results are saved: MIDI or audio, and on request a picture, notation and rendered sound beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from segue.client import media
from segue.client._errors import InvalidField
from segue.client._music import MusicLike, music_extension, save_music, to_music
from segue.client.cli._session import Session
from segue.v1.music_pb2 import Chord, Key, Music

SAVING = "Results"
Out = Annotated[
    Path | None, typer.Option(metavar="DIR|FILE", help="Where to save; by default here.", rich_help_panel=SAVING)
]
Wav = Annotated[bool, typer.Option("--wav", help="Render sound beside it.", rich_help_panel=SAVING)]
Notation = Annotated[bool, typer.Option("--notation", help="Engrave it as SVG beside it.", rich_help_panel=SAVING)]


@dataclass(frozen=True)
class Target:
    """What ``--out``, ``--png``, ``--notation`` and ``--wav`` ask for."""

    out: Path | None
    png: bool
    wav: bool
    notation: bool = False

    def check(self) -> None:
        """Raise MissingExtra before any work is done if a picture, notation or sound can't be made here."""
        if self.png:
            media.require_pictures()
        if self.wav:
            media.require_sound()
        if self.notation:
            media.require_notation()

    def path(self, name: str, extension: str, *, several: bool) -> Path:
        """Choose the file for a result.

        Parameters
        ----------
        name
            Its name if ``--out`` names none, without extension. A number is added if it, or one beside it, exists.
        extension
            Of the music.
        several
            True if there is more than one result, so that ``--out`` must be a folder.
        """
        out = self.out or Path()
        if out.suffix and not out.is_dir() and not several:
            return out
        if out.exists() and not out.is_dir():
            raise InvalidField.at("out", f"{out} is a file; name a folder, or a file whose name ends with {extension}")
        free = out / f"{name}{extension}"
        number = 2
        beside = [
            suffix for suffix, wanted in ((".png", self.png), (".svg", self.notation), (".wav", self.wav)) if wanted
        ]
        while free.exists() or any(free.with_suffix(suffix).exists() for suffix in beside):
            free = out / f"{name}-{number}{extension}"
            number += 1
        return free

    def save(
        self,
        session: Session,
        music: Music,
        name: str,
        *,
        several: bool = False,
        chords: Sequence[Chord] = (),
        key: Key | None = None,
        before: MusicLike | None = None,
        musicxml: bytes = b"",
    ) -> Path | None:
        """Save one result with what was asked for beside it, and say where; return the path of the music.

        With ``--json`` nothing is saved unless ``--out``, ``--png``, ``--notation`` or ``--wav`` asks for it.
        """
        if session.json and self.out is None and not (self.png or self.wav or self.notation):
            return None
        path = save_music(music, self.path(name, music_extension(music), several=several))
        files = [path]
        sounds = music.WhichOneof("content") == "audio"
        if self.png:
            with session.working("Drawing"):
                files.append(path.with_suffix(".png"))
                if sounds:
                    media.spectrogram_png(music, files[-1], title=path.stem, before=before)
                else:
                    media.piano_roll_png(music, files[-1], chords=chords, key=key, title=path.stem, before=before)
        if self.notation and not sounds:
            with session.working("Engraving"):
                files.append(path.with_suffix(".svg"))
                media.notation_svg(musicxml or music, files[-1], key=key, title=path.stem)
        if self.wav and not sounds:
            with session.working("Rendering sound"):
                files.append(path.with_suffix(".wav"))
                media.render_wav(music, files[-1])
        session.note("saved " + ", ".join(f"[bold]{escape(str(file))}[/bold]" for file in files))
        return path


def readable_notes(music: MusicLike) -> bool:
    """Say whether music holds notes that can be drawn here."""
    return to_music(music).WhichOneof("content") in ("midi", "score")


def drawable(before: MusicLike, after: MusicLike) -> bool:
    """Say whether a piece before a change can be drawn here above what it became."""
    forms = {to_music(music).WhichOneof("content") for music in (before, after)}
    return forms <= {"midi", "score"} or forms == {"audio"}
