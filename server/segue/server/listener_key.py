"""The secret with which listener ids are hashed before they are stored.

A stored hash can neither be turned back nor found by trying ids without the key. The other side of that: if the key is
lost or replaced, stored plays belong to nobody who can be named. So a database remembers the fingerprint of its key,
and a server with another key refuses to start; restore the key, or empty ``segue_plays``, ``segue_answers`` and the row
``listener_key`` of ``segue_facts`` to begin anew with a new one. All gateways of a database need the same key file.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from pathlib import Path
from typing import Final

from segue.plugin_api.errors import FailedPrecondition
from segue.server.database import Database

_SHORTEST: Final = 32


class ListenerKey:
    """Hashes what must not be stored in the clear: HMAC-SHA256 with a secret key.

    Parameters
    ----------
    secret
        The key, at least 32 bytes.

    Raises
    ------
    ValueError
        If the key is shorter.
    """

    def __init__(self, secret: bytes) -> None:
        if len(secret) < _SHORTEST:
            raise ValueError(f"the listener key has {len(secret)} bytes, must have at least {_SHORTEST}")
        self._secret = secret

    @classmethod
    def from_file(cls, path: Path) -> ListenerKey:
        """Read the key from a file; make the file with a random key, readable by its owner alone, if there is none.

        Raises
        ------
        ValueError
            If the file holds less than 32 bytes.
        OSError
            If it can be neither read nor made.
        """
        if not path.exists():
            _make(path)
        try:
            return cls(path.read_bytes().strip())
        except ValueError as error:
            raise ValueError(f"{path.name}: {error}") from None

    def hash(self, purpose: str, *parts: str) -> bytes:
        """Return the keyed hash of some strings, 32 bytes.

        Parameters
        ----------
        purpose
            What the hash is for; hashes for different purposes can't be compared.
        parts
            The strings. ``("ab", "c")`` and ``("a", "bc")`` differ.
        """
        message = b"".join(len(part).to_bytes(8) + part for part in (text.encode() for text in (purpose, *parts)))
        return hmac.digest(self._secret, message, hashlib.sha256)

    def listener(self, listener_id: str) -> bytes:
        """Return what is stored in place of a listener id, 16 bytes: enough that no two of 10**12 listeners meet."""
        return self.hash("listener", listener_id)[:16]


async def open_listener_key(path: Path, database: Database) -> ListenerKey:
    """Read or make the key of a database, and check that it is the one its listeners were hashed with.

    Raises
    ------
    FailedPrecondition
        The database was filled with another key.
    ValueError
        The file holds less than 32 bytes.
    OSError
        The file can be neither read nor made.
    """
    key = ListenerKey.from_file(path)
    fingerprint = key.hash("fingerprint").hex()
    if await database.remember("listener_key", fingerprint) != fingerprint:
        raise FailedPrecondition(
            f"{path.name} is not the key that the listeners in the database were hashed with; restore that key, or "
            "empty segue_plays, segue_answers and the row listener_key of segue_facts to begin anew"
        )
    return key


def _make(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(secrets.token_hex(32))
        file.flush()
        os.fsync(file.fileno())
    try:
        # Only one of several processes that start at once can make the link; the others read that one's key.
        path.hardlink_to(draft)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
