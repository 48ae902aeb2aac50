"""The calls, one module for each proto: all that the clients' methods take is declared, and documented, here once."""

from segue.client._calls._admin import drain, get_traffic, load, promote, reload, roll_back, set_traffic, unload
from segue.client._calls._analyze import analyze
from segue.client._calls._call import Call
from segue.client._calls._catalog import algorithm, algorithms, plugins
from segue.client._calls._generate import generate, generate_stream
from segue.client._calls._listening import Batches, erase_listener, export_listener, list_plays, record_plays
from segue.client._calls._recommend import batch_recommend, recommend
from segue.client._calls._transfer import transfer, transfer_stream

__all__ = [
    "Batches",
    "Call",
    "algorithm",
    "algorithms",
    "analyze",
    "batch_recommend",
    "drain",
    "erase_listener",
    "export_listener",
    "generate",
    "generate_stream",
    "get_traffic",
    "list_plays",
    "load",
    "plugins",
    "promote",
    "recommend",
    "record_plays",
    "reload",
    "roll_back",
    "set_traffic",
    "transfer",
    "transfer_stream",
    "unload",
]
