"""What an algorithm author imports.

>>> from segue.plugin_api import Generator, Options, hookimpl, message_model
"""

from segue.plugin_api.algorithm import (
    Algorithm,
    Analyzer,
    Call,
    Generator,
    Models,
    Options,
    Plays,
    Recommender,
    StreamingGenerator,
    StreamingTransferrer,
    Transferrer,
)
from segue.plugin_api.errors import (
    InvalidField,
    InvalidMusic,
    InvalidOption,
    InvalidRequest,
    NotFound,
    SegueError,
    Unsupported,
)
from segue.plugin_api.hookspecs import ENTRY_POINT_GROUP, PLUGIN_API_VERSION, hookimpl
from segue.plugin_api.model_spec import VARIABLE, ModelSpec, Tensor, message_model

__all__ = [
    "ENTRY_POINT_GROUP",
    "PLUGIN_API_VERSION",
    "VARIABLE",
    "Algorithm",
    "Analyzer",
    "Call",
    "Generator",
    "InvalidField",
    "InvalidMusic",
    "InvalidOption",
    "InvalidRequest",
    "ModelSpec",
    "Models",
    "NotFound",
    "Options",
    "Plays",
    "Recommender",
    "SegueError",
    "StreamingGenerator",
    "StreamingTransferrer",
    "Tensor",
    "Transferrer",
    "Unsupported",
    "hookimpl",
    "message_model",
]
