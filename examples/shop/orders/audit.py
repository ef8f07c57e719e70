"""What happened, as lines of JSON: for people, for the demo, for whoever asks later."""

import json
from typing import Any

from django.conf import settings
from structlog.contextvars import get_contextvars

import airlock


def write(file: str, **line: Any) -> None:
    """Add a line to a file."""
    with (settings.DATA / file).open("a", encoding="utf-8") as out:
        out.write(json.dumps(line) + "\n")


def report(scope: airlock.Scope) -> None:
    """Report what a scope was asked for, and what has become of each intent.

    Args:
        scope: a scope that has ended, under the correlation id that is still bound.
    """
    intents = [
        {
            "id": intent.id,
            "task": intent.name,
            "order": intent.args[0],
            "origin": intent.origin,
            "state": intent.state.value,
            "outcome": str(intent.outcome),  # with who denied it, and why
        }
        for intent in scope.intents
    ]
    id = get_contextvars()["correlation_id"]
    write("asked.jsonl", work=scope.name, correlation_id=id, intents=intents)
