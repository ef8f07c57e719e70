"""What the command `airlock` prints, as text and as JSON."""

from __future__ import annotations

import json
import platform
import warnings
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from airlock_core import __version__
from airlock_core.errors import PluginError, PluginWarning
from airlock_core.findings import Finding
from airlock_core.loading import choice, required
from airlock_core.plugins import manager


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


def plugins_as_text(report: dict[str, Any]) -> str:
    """Render a plugin report as a table, what is wrong below it."""
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


def version() -> str:
    """Name the versions of airlock and Python."""
    return f"airlock {__version__}, Python {platform.python_version()}"


def findings_as_text(findings: Sequence[Finding]) -> str:
    """Render findings, each with its remedy below it, and how many of them are problems."""
    lines = []
    for finding in findings:
        lines.append(f"{finding.level.upper():<9}{finding.id}  {finding.text}")
        lines.append(f"{'':<9}{finding.remedy}")
    problems = sum(finding.is_problem for finding in findings)
    lines.append({0: "no problem", 1: "1 problem"}.get(problems, f"{problems} problems"))
    return "\n".join(lines)


def findings_as_json(findings: Sequence[Finding]) -> str:
    """Render findings for a program."""
    report = {
        "airlock": __version__,
        "python": platform.python_version(),
        "findings": [asdict(finding) for finding in findings],
    }
    return json.dumps(report, indent=2)
