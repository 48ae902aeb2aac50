"""Was written for a plugin API that does not exist yet."""

from segue.plugin_api import hookimpl

SEGUE_PLUGIN_API = 99


@hookimpl
def register_algorithms():
    return []
