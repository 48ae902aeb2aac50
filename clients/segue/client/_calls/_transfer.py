"""The calls Transfer and TransferStream."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from segue.client._calls._call import Call, Options, as_it_is, as_stream, build, to_struct
from segue.client._errors import InvalidField
from segue.client._music import MusicLike, to_music
from segue.client._parse import to_attributes
from segue.v1.music_pb2 import Attributes
from segue.v1.music_service_pb2_grpc import MusicServiceStub
from segue.v1.transfer_pb2 import (
    Polish,
    TransferRequest,
    TransferResponse,
    TransferStreamRequest,
    TransferStreamResponse,
)


def transfer(
    music: MusicLike,
    *,
    style: str = "",
    example: MusicLike | None = None,
    attributes: Attributes | Mapping[str, Any] | None = None,
    polish: bool | Polish = False,
    strength: float | None = None,
    algorithm: str = "",
    options: Options | None = None,
    seed: int | None = None,
    request_id: str = "",
    timeout: float | None = None,
) -> Call[TransferResponse]:
    """Give a piece another style, or make it a better version of itself.

    Parameters
    ----------
    music
        The piece: a path, the bytes of a file, or a message.
    style, example, attributes, polish
        What it is to become, exactly one of: a style by name; a piece whose style it takes on; sliders, each 0-1;
        True, or a message saying what to mend.
    strength
        How far to go, 0-1; None means 1.
    algorithm
        Algorithm by name; empty means the default one for the target.
    options
        Options of the algorithm, as its schema in the catalogue lists them.
    seed
        Seed of whatever is drawn at random.
    request_id
        The same id gets the same answer, once; by default a fresh one, so that a retry does not compute twice.
    timeout
        Seconds for the call with all its retries; by default the client's, or 120.

    Raises
    ------
    InvalidField
        If no target is given, or more than one.
    """
    targets = {
        "style": style or None,
        "example": None if example is None else to_music(example),
        "attributes": None if attributes is None else to_attributes(attributes),
        "polish": (Polish() if polish else None) if isinstance(polish, bool) else polish,
    }
    stated = [name for name, value in targets.items() if value is not None]
    if len(stated) != 1:
        found = " and ".join(stated) or "none"
        raise InvalidField.at("target", f"exactly one of {', '.join(targets)} is needed; {found} given")
    request = build(
        TransferRequest,
        algorithm=algorithm,
        options=to_struct(options),
        request_id=request_id or str(uuid.uuid4()),
        seed=seed,
        music=to_music(music),
        strength=strength,
        **targets,
    )
    return Call(MusicServiceStub, "Transfer", request, as_it_is, timeout, 120.0)


transfer_stream = as_stream(
    transfer,
    TransferStreamRequest,
    TransferStreamResponse,
    """Change a piece and say how far it has come, then give the answer.

    Takes the keywords of `transfer`. The timeout, 300 s by default, is that of the whole stream. Nothing is sent before
    the first message is asked for; closing the iterator stops the work.
    """,
)
