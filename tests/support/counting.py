"""A policy that counts what it is asked."""

from __future__ import annotations

from airlock import Policy


class Counts(Policy):
    """Counts what it is asked."""

    def __init__(self):
        self.enqueued = []
        self.judged = []

    def on_enqueue(self, intent):
        self.enqueued.append(intent)

    def allows(self, intent):
        self.judged.append(intent)
        return True
