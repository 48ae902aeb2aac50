"""Every hook there is. Hooks contribute at start-up; ordinary method calls serve requests.

A plugin is a module named by an entry point in the group ``segue.plugins``. It implements hooks with
``from segue.plugin_api import hookimpl`` and may state ``SEGUE_PLUGIN_API = 1``, the version it was written for.
"""

from __future__ import annotations

from typing import Final

import pluggy
from segue.plugin_api.algorithm import Algorithm

PROJECT: Final = "segue"
ENTRY_POINT_GROUP: Final = "segue.plugins"
PLUGIN_API_VERSION: Final = 1
"""Raised when a hook or a base class changes in a way that plugins notice. Older plugins run, newer are refused."""

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def register_algorithms() -> list[Algorithm]:  # type: ignore[empty-body]
    """Return the plugin's algorithms."""
