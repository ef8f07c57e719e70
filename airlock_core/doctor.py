"""The doctor: everything that is found wrong with airlock in this process."""

from __future__ import annotations

import importlib
import os
import sys
import warnings
from collections.abc import Collection, Iterator
from operator import attrgetter

from airlock_core import distributions, environment
from airlock_core.errors import ConfigurationError, PluginError, PluginWarning
from airlock_core.findings import Finding, findings
from airlock_core.plugins import manager


def examine(app: str | None = None, ignore: Collection[str] = ()) -> list[Finding]:
    """Examine the installation, the environment, and the settings of what is in use.

    Args:
        app: what to import first, so that plugins can examine it: `shop.celery:app`.
        ignore: the ids of findings that are known and accepted.

    Returns:
        What was found, the worst first.

    Raises:
        ConfigurationError: `app` cannot be imported.
    """
    # Where a command is started, its project is: python -m has that on its path, a script has not.
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PluginWarning)  # they are among the findings
        if app is not None:
            _import(app)
        found = [*distributions.examine(), *_plugins(), *environment.examine(), *findings()]
    levels = ("error", "warning", "info")
    kept = [finding for finding in dict.fromkeys(found) if finding.id not in ignore]
    return sorted(kept, key=lambda finding: levels.index(finding.level))


def _plugins() -> Iterator[Finding]:
    """Name the plugins that were left out, and the required ones that are missing."""
    missing = None
    try:
        manager.load()
    except PluginError as error:
        missing = error
    for failure in manager.failures:
        yield Finding(
            "airlock.core.E001",
            "error",
            f"Left out: {failure}.",
            f"Fix or uninstall {failure.distribution}, or set AIRLOCK_PLUGINS=no:{failure.name}.",
        )
    if missing is not None:
        text, _, remedy = str(missing).rpartition(". ")
        yield Finding("airlock.core.E002", "error", f"{text}.", remedy)


def _import(app: str) -> None:
    """Import what is written as `module` or `module:attribute`."""
    module, _, attribute = app.partition(":")
    try:
        attrgetter(attribute or "__name__")(importlib.import_module(module))
    except (Exception, SystemExit) as error:  # one that exits with 0 would look like no problem
        raise ConfigurationError(
            f"{app!r} cannot be imported: {error!r}. Write it as module:attribute, such as "
            "shop.celery:app, and start the command where the project is."
        ) from error
