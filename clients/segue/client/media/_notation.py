"""Notation as SVG, engraved by verovio from MusicXML."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path
from typing import Final

import verovio
from segue.client._errors import InvalidMusic
from segue.client._music import MusicLike, music_to_midi, to_music
from segue.client.media._musicxml import midi_to_musicxml
from segue.v1.music_pb2 import Key

_OPTIONS: Final = {
    "pageWidth": 2400,
    "pageHeight": 30_000,
    "adjustPageHeight": True,
    "scale": 40,
    "breaks": "auto",
    "footer": "none",
    "xmlIdSeed": 1,
}

_MOST_BYTES: Final = 64 * 1024 * 1024
_SIZE: Final = re.compile(r'<svg width="(\d+)px" height="(\d+)px"')


def engrave(music: MusicLike, path: Path, *, key: Key | None, title: str) -> Path:
    """Engrave music; see `segue.client.media.notation_svg`."""
    music = to_music(music)
    if music.WhichOneof("content") == "musicxml":
        document = music.musicxml
    else:
        document = midi_to_musicxml(music_to_midi(music), key, title)
    verovio.enableLog(verovio.LOG_OFF)
    toolkit = verovio.toolkit()
    toolkit.setOptions(_OPTIONS)
    if document.startswith(b"PK"):
        document = _unpacked(document)
    if not toolkit.loadData(document.decode(errors="replace")) or not toolkit.getPageCount():
        raise InvalidMusic.at("music", "is no MusicXML that can be engraved")
    pages = [toolkit.renderToSVG(number) for number in range(1, toolkit.getPageCount() + 1)]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(pages[0] if len(pages) == 1 else _stacked(pages), encoding="utf-8")
    return path


def _unpacked(archive: bytes) -> bytes:
    """Return the document of a compressed MusicXML file; verovio's own reader ends the process where it is broken."""
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as files:
            names = (name for name in files.namelist() if not name.startswith("META-INF"))
            with files.open(next(name for name in names if name.endswith((".xml", ".musicxml")))) as file:
                return file.read(_MOST_BYTES)
    except (zipfile.BadZipFile, StopIteration, NotImplementedError, RuntimeError) as error:
        raise InvalidMusic.at("music", "is no MusicXML that can be engraved") from error


def _stacked(pages: list[str]) -> str:
    """Put pages below one another."""
    sizes = [(int(size[1]), int(size[2])) for page in pages if (size := _SIZE.search(page))]
    parts, top = [], 0
    for page, (_, height) in zip(pages, sizes, strict=True):
        parts.append(page[page.index("<svg") :].replace("<svg ", f'<svg y="{top}" ', 1))
        top += height
    width = max(width for width, _ in sizes)
    return f'<svg width="{width}px" height="{top}px" xmlns="http://www.w3.org/2000/svg">\n{"".join(parts)}</svg>\n'
