"""The executor."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from airlock import ConfigurationError, Executor, Failure, Intent, IntentError


@dataclass(frozen=True, slots=True)
class Line:
    """The receipt of an intent: where its line is.

    Attributes:
        id: the intent's id.
        path: the file.
        offset: at which byte of the file the line begins.
    """

    id: str
    path: Path
    offset: int


class FileExecutor(Executor):
    """Append each intent to a file as a line of JSON; a run reaches the disk with one `fsync`.

    Args:
        path: the file; by default the one that the environment variable `AIRLOCK_FILE` names.
    """

    supports_many = True  # one write and one fsync, however many intents
    supports_client_id = True  # "id" of the line
    supports_meta = True  # "meta" of the line

    def __init__(self, path: str | Path | None = None) -> None:
        self._path = path

    @property
    def path(self) -> Path:
        """The file.

        Raises:
            ConfigurationError: no file was named.
        """
        path = self._path or os.environ.get("AIRLOCK_FILE")
        if not path:
            raise ConfigurationError(
                "airlock-file does not know where to write. "
                "Set AIRLOCK_FILE, or use FileExecutor(path)."
            )
        return Path(path)

    def check(self, intent: Intent) -> None:
        """Refuse what could not be read back: local functions, and arguments that are not JSON."""
        self.path  # noqa: B018  (that it is known, is asked here and not at the flush)
        if "<" in intent.name:
            raise IntentError(
                f"{intent.name} has no name by which a reader of the file could find it. "
                "Enqueue a function of a module."
            )
        try:
            _encoded(intent)
        except (TypeError, ValueError, RecursionError) as error:
            raise IntentError(
                f"{intent.name} has arguments or options that are not JSON: {error}. "
                "Pass ids and plain values."
            ) from error

    def __call__(self, intent: Intent) -> Line:
        """Append one intent."""
        [outcome] = self.dispatch_many([intent])
        if isinstance(outcome, Failure):
            raise outcome.error
        return outcome

    def dispatch_many(self, intents: Sequence[Intent]) -> list[Line | Failure]:
        """Append a run of intents: all of them, or none and an error."""
        path = self.path
        outcomes: list[Line | Failure] = []
        data = b""
        with path.open("ab", buffering=0) as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # until it is closed: runs do not mix
            start = file.seek(0, os.SEEK_END)
            for intent in intents:
                try:
                    line = _encoded(intent)
                except (TypeError, ValueError, RecursionError) as error:  # changed since check()
                    outcomes.append(Failure(error))
                else:
                    outcomes.append(Line(intent.id, path, start + len(data)))
                    data += line
            try:
                if file.write(data) != len(data):
                    raise OSError(f"{path} took only a part of the run")
                os.fsync(file.fileno())
            except OSError as error:
                try:
                    file.truncate(start)
                except OSError:  # then nobody knows what a reader will find
                    return [Failure(error, uncertain=True)] * len(intents)
                raise
        return outcomes


def _encoded(intent: Intent) -> bytes:
    entry = {
        "id": intent.id,
        "task": intent.name,
        "args": intent.args,
        "kwargs": intent.kwargs,
        "options": dict(intent.dispatch_options),
        "meta": intent.meta if intent.has_meta else {},
    }
    return json.dumps(entry, allow_nan=False).encode() + b"\n"
