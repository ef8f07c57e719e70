"""Management commands that run in a scope, and can show what they would send."""

from __future__ import annotations

from argparse import ArgumentParser
from contextlib import ExitStack
from typing import Any

from django.core.management.base import BaseCommand
from django.db import connections, transaction

from airlock import Scope, scope
from airlock_django.blocks import watch_blocks


class ScopedCommand(BaseCommand):
    """A command whose `handle` runs in a scope: success flushes, any error discards.

    Use it instead of `BaseCommand`, or beside another base class. With `--dry-run-effects` the
    command runs, and prints for each intent who would deny it or where it would go; then
    everything is discarded, and its work in all databases rolled back.

    Attributes:
        airlock_scope: the scope, from the beginning of `execute` on.
    """

    airlock_scope: Scope

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> Any:
        """Add the option `--dry-run-effects`."""
        parser: ArgumentParser = super().create_parser(prog_name, subcommand, **kwargs)
        parser.add_argument(
            "--dry-run-effects",
            action="store_true",
            help="Show what would be sent, send nothing, and roll the database back.",
        )
        return parser

    def execute(self, *args: Any, **options: Any) -> str | None:
        """Run the command in a scope."""
        dry = options.pop("dry_run_effects", False)
        with scope(name=type(self).__module__) as current:
            self.airlock_scope = current
            if not dry:
                return super().execute(*args, **options)
            with ExitStack() as rolled_back:
                for alias in connections:
                    self._roll_back(alias, rolled_back)
                output = super().execute(*args, **options)
                self._show(current)
                current.discard("dry run")
            return output

    def _roll_back(self, alias: str, rolled_back: ExitStack) -> None:
        if connections.settings[alias]["ENGINE"] == "django.db.backends.dummy":
            return
        block: Any = transaction.atomic(using=alias)
        # As that of a test case: the command's own blocks, durable ones too, do and mean what they
        # do and mean in production.
        block._from_testcase = True
        watch_blocks()
        rolled_back.enter_context(block)
        rolled_back.callback(transaction.set_rollback, True, using=alias)

    def _show(self, current: Scope) -> None:
        planned = current.plan()
        effects = (
            "1 effect, not sent" if len(planned) == 1 else f"{len(planned)} effects, none sent"
        )
        self.stdout.write(f"dry run: {effects}")
        for entry in planned:
            self.stdout.write(f"  {entry}")
