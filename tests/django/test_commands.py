"""A management command is a scope, and can show what it would send."""

from __future__ import annotations

import io
import sys
from typing import Any

import pytest
from django.core.management import BaseCommand, CommandError, call_command
from django.db import transaction

import airlock
from airlock_django.commands import ScopedCommand
from twinapp.models import Row

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "other", "memory", "pg"])
# A dry run opens a transaction on every database.
every = pytest.mark.django_db(
    transaction=True, databases=["default", "other", "memory", "pg", "pg_other"]
)

sent: list[str] = []


def effect(token: str) -> None:
    """Note that the effect ran."""
    sent.append(token)


@pytest.fixture(autouse=True)
def _clear() -> None:
    sent.clear()


class Command(ScopedCommand):
    """A command that works in two databases."""

    def add_arguments(self, parser: Any) -> None:
        """Take a way to end."""
        parser.add_argument("--end", default="well")

    def handle(self, *args: Any, **options: Any) -> str:
        """Write, enqueue, and end as it is told."""
        assert "dry_run_effects" not in options
        airlock.enqueue(effect, "free")
        with transaction.atomic(durable=True):
            Row.objects.create(token="a")
            airlock.enqueue(effect, "default")
        try:
            with transaction.atomic(using="other"):
                Row.objects.using("other").create(token="b")
                airlock.enqueue(effect, "other")
                if options["end"] == "half":
                    raise ZeroDivisionError
        except ZeroDivisionError:
            pass
        assert sent == []
        if options["end"] == "CommandError":
            raise CommandError("it went wrong")
        if options["end"].startswith("exit"):
            sys.exit(int(options["end"][-1]))
        return "done"


def rows() -> list[str]:
    """The rows of both databases."""
    return [row.token for alias in ("default", "other") for row in Row.objects.using(alias).all()]


def run(*arguments: str, command: BaseCommand | None = None) -> str:
    """Run the command, and return what it printed."""
    output = io.StringIO()
    call_command(command or Command(), *arguments, stdout=output)
    return output.getvalue()


def test_success_flushes() -> None:
    """The effects leave at the command's end, and its output is printed."""
    assert run() == "done\n"
    assert sent == ["free", "default", "other"]
    assert rows() == ["a", "b"]


def test_what_was_rolled_back_stays_behind() -> None:
    """A command succeeds though one of its transactions did not."""
    run("--end", "half")
    assert sent == ["free", "default"]
    assert rows() == ["a"]


@pytest.mark.parametrize(
    ("end", "error"),
    [("CommandError", CommandError), ("exit 1", SystemExit), ("exit 0", SystemExit)],
)
def test_any_error_discards(end: str, error: type[BaseException]) -> None:
    """An exception discards the effects, a `sys.exit()` included; rows that are committed stay."""
    with pytest.raises(error):
        run("--end", end)
    assert sent == []
    assert rows() == ["a", "b"]


def test_a_command_in_a_scope_belongs_to_it() -> None:
    """`call_command` in a request or a task: the outermost scope has the authority."""
    with airlock.scope() as scope:
        run()
        assert sent == []
        scope.discard()
    assert sent == []


def test_what_cannot_be_sent_is_raised() -> None:
    """A command has somebody who asked for it: the error is not swallowed."""

    def broken(intent: airlock.Intent) -> None:
        raise ConnectionError

    airlock.configure(executor=broken)
    with pytest.raises(airlock.DispatchError):
        run()


@every
@pytest.mark.parametrize("using", [None, "default", ["other"]])
def test_a_dry_run_shows_the_plan(settings: Any, using: Any) -> None:
    """Nothing leaves, no row stays in any database, and each effect has its line."""
    settings.AIRLOCK = {"USING": using}
    output = run("--dry-run-effects").splitlines()
    assert output[:2] == ["done", "dry run: 3 effects, none sent"]
    assert len(output) == 5
    assert all("effect: would leave through sync" in line for line in output[2:])
    assert sent == []
    assert rows() == []


@every
def test_a_dry_run_shows_what_was_rolled_back() -> None:
    """The transaction that fails is told from those that succeed, as in production."""
    lines = run("--dry-run-effects", "--end", "half").splitlines()[2:]
    assert [line.rpartition(": ")[2] for line in lines] == [
        "would leave through sync",
        "would leave through sync",
        "rolled back",
    ]
    assert rows() == []


@every
def test_a_dry_run_shows_who_denies_and_who_waits() -> None:
    """The policy that would deny is named, and the transaction that is still open is told."""

    class Inside(ScopedCommand):
        def handle(self, *args: Any, **options: Any) -> None:
            block = transaction.atomic(using="other")
            block.__enter__()
            airlock.enqueue(effect, "held")
            self.close = lambda: block.__exit__(None, None, None)

        def _show(self, current: airlock.Scope) -> None:
            super()._show(current)
            self.close()

    with airlock.scope(policy=airlock.BlockTasks({"effect"})) as around:
        output = run("--dry-run-effects")
        assert output.count("denied by BlockTasks") == 3
        around.discard()
    output = run("--dry-run-effects", command=Inside())
    assert "would leave through sync, after its holds" in output
    assert sent == []


@every
def test_a_dry_run_that_fails_leaves_nothing() -> None:
    """An error comes out, and the databases are as before."""
    with pytest.raises(CommandError):
        run("--dry-run-effects", "--end", "CommandError")
    assert sent == []
    assert rows() == []


@every
def test_a_dry_run_by_keyword() -> None:
    """`call_command(..., dry_run_effects=True)` is the same."""
    call_command(Command(), dry_run_effects=True, stdout=io.StringIO())
    assert sent == []
    assert rows() == []


def test_manage_py(run_django: Any) -> None:
    """In a process of its own, with `--help`, and in a project without any database."""
    files = {
        "shop/__init__.py": "",
        "shop/management/commands/report.py": """
            import airlock
            from airlock_django.commands import ScopedCommand


            class Command(ScopedCommand):
                help = "Report."

                def handle(self, **options):
                    airlock.enqueue(print, "sent")
        """,
    }
    without = "INSTALLED_APPS = ['airlock_django', 'shop']\nDATABASES = {}"
    assert (
        "--dry-run-effects" in run_django("report", "--help", settings=without, files=files).stdout
    )
    assert run_django("report", settings=without).stdout == "sent\n"
    done = run_django("report", "--dry-run-effects", settings=without)
    assert done.stdout.splitlines() == [
        "dry run: 1 effect, not sent",
        "  builtins.print: would leave through sync",
    ], done.stderr
