"""The command `airlock`: what is installed, and what is wrong with it."""

from __future__ import annotations

import argparse
import json
import warnings
from collections.abc import Sequence
from typing import Any

from airlock_core.errors import PluginError, PluginWarning
from airlock_core.loading import choice, required
from airlock_core.plugins import manager


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: the words after `airlock`; by default those of the process.

    Returns:
        The exit code: 0, or 1 where a plugin failed or a required one is missing.
    """
    parser = argparse.ArgumentParser(prog="airlock", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    plugins = commands.add_parser(
        "plugins", help="list the plugins, their versions and hooks, and those that failed"
    )
    plugins.add_argument("--json", action="store_true", help="print JSON instead of a table")
    chosen = parser.parse_args(arguments)
    report = plugin_report()
    print(json.dumps(report, indent=2) if chosen.json else _as_text(report))
    return 1 if report["failures"] or report["missing"] else 0


def plugin_report() -> dict[str, Any]:
    """Collect what is loaded and what is not."""
    missing = ""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PluginWarning)  # they are in the report
        try:
            manager.load()
        except PluginError as error:
            missing = str(error)
    return {
        "plugins": [
            {
                "name": name,
                "distribution": manager.installed[name].distribution,
                "version": manager.installed[name].version,
                "executor": callable(plugin),
                "hooks": sorted(manager.hooks_of(plugin)),
            }
            for name, plugin in manager
            if name in manager.installed
        ],
        "failures": [
            {"name": f.name, "distribution": f.distribution, "error": repr(f.error)}
            for f in manager.failures
        ],
        "missing": missing,
        "AIRLOCK_PLUGINS": choice(),
        "AIRLOCK_REQUIRE": list(required()),
    }


def _as_text(report: dict[str, Any]) -> str:
    rows = [("plugin", "distribution", "version", "executor", "hooks")]
    rows += [
        (
            entry["name"],
            entry["distribution"],
            entry["version"],
            "yes" if entry["executor"] else "",
            ", ".join(entry["hooks"]),
        )
        for entry in report["plugins"]
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    if not report["plugins"]:
        lines = ["no plugin is loaded"]
    if report["AIRLOCK_PLUGINS"] is not None:
        lines.append(f"AIRLOCK_PLUGINS={report['AIRLOCK_PLUGINS']}")
    lines += [
        f"FAILED  {failure['name']} of {failure['distribution']}: {failure['error']}"
        for failure in report["failures"]
    ]
    if report["missing"]:
        lines.append(f"MISSING  {report['missing']}")
    return "\n".join(lines)


if __name__ == "__main__":
    raise SystemExit(main())
