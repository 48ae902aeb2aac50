"""A tree out of XML from strangers: no entities, no external documents, bounded in depth and size."""

from __future__ import annotations

import io
import zipfile
from typing import Final
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from segue.plugin_api.errors import InvalidMusic

MAX_BYTES: Final = 8 << 20
MAX_UNPACKED_BYTES: Final = 64 << 20
MAX_ELEMENTS: Final = 3_000_000
MAX_DEPTH: Final = 64


class _Refused(Exception):
    """What is wrong with the document."""


def parse_tree(data: bytes, field: str) -> Element:
    """Parse an XML document, or the score inside a compressed MusicXML file (.mxl).

    A document type declaration is read past; one that declares entities is refused, as are documents of more than
    64 MiB unpacked, 3,000,000 elements or 64 levels.

    Raises
    ------
    InvalidMusic
        Naming ``field``.
    """
    if len(data) > MAX_BYTES:
        raise InvalidMusic(field, f"has {len(data)} bytes, must have at most {MAX_BYTES}")
    try:
        return _parse(_unpack(data) if data[:2] == b"PK" else data)
    except _Refused as error:
        raise InvalidMusic(field, str(error)) from None
    except (expat.ExpatError, LookupError, ValueError) as error:
        raise InvalidMusic(field, f"is no well-formed XML: {error}") from None
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError) as error:
        raise InvalidMusic(field, f"is no readable .mxl file: {error}") from None


def _parse(document: bytes) -> Element:
    builder = TreeBuilder()
    depth = elements = 0

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth, elements
        depth, elements = depth + 1, elements + 1
        if depth > MAX_DEPTH or elements > MAX_ELEMENTS:
            raise _Refused(f"has more than {MAX_DEPTH} levels or {MAX_ELEMENTS} elements")
        builder.start(tag, attributes)

    def end(tag: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(tag)

    def refuse(*_: object) -> None:
        raise _Refused("declares XML entities, which are not accepted")

    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = builder.data
    parser.EntityDeclHandler = refuse
    parser.UnparsedEntityDeclHandler = refuse
    parser.Parse(document, True)
    return builder.close()


def _unpack(data: bytes) -> bytes:
    """Return the score inside a .mxl file: its first document outside META-INF, whose own list is often broken."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for name in archive.namelist():
            if name.endswith((".xml", ".musicxml")) and not name.startswith("META-INF"):
                return _member(archive, name)
    raise _Refused("is a .mxl file without a score in it")


def _member(archive: zipfile.ZipFile, name: str) -> bytes:
    with archive.open(name) as member:
        document = member.read(MAX_UNPACKED_BYTES + 1)
    if len(document) > MAX_UNPACKED_BYTES:
        raise _Refused(f"unpacks to more than {MAX_UNPACKED_BYTES} bytes")
    return document
