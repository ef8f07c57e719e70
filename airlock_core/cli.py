"""The command `airlock`: what is installed, and what is wrong with it."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout

from airlock_core import doctor, reports
from airlock_core.errors import ConfigurationError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: the words after `airlock`; by default those of the process.

    Returns:
        The exit code: 0, or 1 where something is wrong. Wrong words exit with 2.
    """
    parser = argparse.ArgumentParser(prog="airlock", description=__doc__)
    parser.add_argument("--version", action="version", version=reports.version())
    commands = parser.add_subparsers(dest="command", required=True)
    _add_plugins(commands.add_parser("plugins", help=_plugins.__doc__))
    _add_doctor(commands.add_parser("doctor", help=_doctor.__doc__))
    chosen = parser.parse_args(arguments)
    try:
        code: int = chosen.run(chosen)
    except ConfigurationError as error:
        parser.error(str(error))
    return code


def _add_plugins(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.set_defaults(run=_plugins)


def _plugins(chosen: argparse.Namespace) -> int:
    """List the plugins, their versions and hooks, and those that failed."""
    report = reports.plugin_report()
    print(json.dumps(report, indent=2) if chosen.json else reports.plugins_as_text(report))
    return 1 if report["failures"] or report["missing"] else 0


def _add_doctor(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--app", metavar="MODULE:NAME", help="import this first, such as shop.celery:app"
    )
    parser.add_argument(
        "--ignore", metavar="ID", action="append", default=[], help="leave out a finding"
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")
    parser.set_defaults(run=_doctor)


def _doctor(chosen: argparse.Namespace) -> int:
    """Name what is wrong: versions, plugins, variables, settings that can lose messages."""
    with redirect_stdout(sys.stderr):  # an application that prints is no part of the report
        found = doctor.examine(chosen.app, chosen.ignore)
    print(reports.findings_as_json(found) if chosen.json else reports.findings_as_text(found))
    return 1 if any(finding.is_problem for finding in found) else 0


if __name__ == "__main__":
    raise SystemExit(main())
