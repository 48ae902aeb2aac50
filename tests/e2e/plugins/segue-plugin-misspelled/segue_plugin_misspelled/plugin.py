"""Implements a hook that does not exist."""

from segue.plugin_api import hookimpl


@hookimpl
def register_algoritms():
    return []
