"""A gateway half that imports what belongs in the model half."""

import symusic  # noqa: F401 - that is what is wrong with it
from segue.plugin_api import hookimpl

from segue_plugin_bad.plugin import Blameless


class Light(Blameless):
    name = "bad-light"
    summary = "Imports a library that computes"


@hookimpl
def register_algorithms():
    return [Light()]
