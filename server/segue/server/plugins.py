"""Finds plugins by entry point and takes in their algorithms, one try each.

pluggy's own loader stops at the first ImportError, and one raising hook discards the good results of all others; here
a broken plugin is quarantined with its cause and nobody else notices.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points

import pluggy
from segue.plugin_api import hookspecs
from segue.plugin_api.algorithm import Algorithm
from segue.plugin_api.hookspecs import ENTRY_POINT_GROUP, PLUGIN_API_VERSION, PROJECT
from segue.server.entry import check_description
from segue.server.errors import without_folders

log = logging.getLogger(__name__)


@dataclass
class LoadedPlugin:
    """A plugin, loaded or quarantined.

    Attributes
    ----------
    name
        Name of its entry point.
    distribution
        Name and version of the distribution that brought it.
    cause
        Why it is quarantined; empty if it is not.
    algorithms
        What it registered.
    """

    name: str
    distribution: str
    cause: str = ""
    algorithms: list[Algorithm] = field(default_factory=list)


def load_plugins(
    wanted: Collection[str] | None = None, found: Iterable[EntryPoint] | None = None
) -> list[LoadedPlugin]:
    """Load plugins: those that ship with Segue first, then the others, each group by name.

    Parameters
    ----------
    wanted
        Names of entry points to load; None loads all.
    found
        Entry points to look at; None looks at those installed.

    Returns
    -------
    list of LoadedPlugin
        Every plugin that was looked at, quarantined ones included.
    """
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(hookspecs)
    candidates = entry_points(group=ENTRY_POINT_GROUP) if found is None else found
    plugins: list[LoadedPlugin] = []
    names: dict[str, str] = {}
    for entry in sorted(candidates, key=lambda e: (_distribution(e).partition(" ")[0] != PROJECT, e.name)):
        if wanted is None or entry.name in wanted:
            plugin = LoadedPlugin(entry.name, _distribution(entry))
            plugin.cause = _attempt(lambda e=entry, p=plugin: _load(manager, e, p, names))  # type: ignore[misc]
            if plugin.cause:
                log.warning("plugin %s is quarantined: %s", plugin.name, plugin.cause)
            plugins.append(plugin)
    for name in sorted(set(wanted or ()) - {plugin.name for plugin in plugins}):
        plugins.append(LoadedPlugin(name, "unknown", "SEGUE_PLUGINS names it, and no such entry point is installed"))
        log.warning("plugin %s is quarantined: %s", name, plugins[-1].cause)
    return plugins


def _distribution(entry: EntryPoint) -> str:
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist else "unknown"


def _attempt(load: Callable[[], str | None]) -> str:
    """Run one plugin's loading; whatever it raises, sys.exit included, is its cause."""
    try:
        return load() or ""
    except pluggy.PluginValidationError as error:
        return f"{str(error).partition(' in plugin')[0]}; the hooks are: register_algorithms"
    except (Exception, SystemExit) as error:
        log.debug("plugin raised", exc_info=True)
        return f"{type(error).__name__}: {without_folders(str(error))}"


def _load(manager: pluggy.PluginManager, entry: EntryPoint, plugin: LoadedPlugin, names: dict[str, str]) -> str:
    module = entry.load()
    version = getattr(module, "SEGUE_PLUGIN_API", PLUGIN_API_VERSION)
    if not isinstance(version, int) or version > PLUGIN_API_VERSION:
        return f"written for plugin API {version}, this Segue has {PLUGIN_API_VERSION}: upgrade segue"
    manager.register(module, name=entry.name)
    try:
        manager.check_pending()
        implementations = [impl for impl in manager.hook.register_algorithms.get_hookimpls() if impl.plugin is module]
        if not implementations:
            return "implements no hook: mark register_algorithms with segue.plugin_api.hookimpl"
        registered: list[object] = implementations[0].function()  # type: ignore[assignment]
    except BaseException:
        manager.unregister(module)
        raise
    problems = []
    for algorithm in registered:
        if not isinstance(algorithm, Algorithm):
            problems.append(f"registered {algorithm!r:.80}, which is no Algorithm")
        elif algorithm.name in names:
            problems.append(f"algorithm {algorithm.name!r} is already registered by plugin {names[algorithm.name]!r}")
        elif defect := _attempt(lambda a=algorithm: check_description(a)):  # type: ignore[misc]
            problems.append(f"algorithm {algorithm.name!r} can't be described: {defect}")
        else:
            names[algorithm.name] = entry.name
            plugin.algorithms.append(algorithm)
    return "; ".join(problems)
