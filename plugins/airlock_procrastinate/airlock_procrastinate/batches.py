"""Jobs that are inserted together; where one of them is at fault, it fails alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from procrastinate.exceptions import AlreadyEnqueued, ConnectorException, UniqueViolation
from psycopg import DataError, IntegrityError
from psycopg.errors import ProgramLimitExceeded

from airlock import Failure


class Batch:
    """The jobs of one INSERT, and what becomes of each.

    PostgreSQL refuses an INSERT as a whole. So the jobs are halved until what is refused is one:
    twenty further statements find one among a thousand, and the order stays.

    Args:
        jobs: procrastinate's jobs, without ids.

    Attributes:
        outcomes: one for each job: the inserted `Job`, a `Failure`, or None where it has not been
            tried.
    """

    def __init__(self, jobs: Sequence[Any]) -> None:
        """Begin with all of them together."""
        self.outcomes: list[Any] = [None] * len(jobs)
        self._jobs = jobs
        self._parts = [range(len(jobs))]

    def part(self) -> list[Any]:
        """Return the jobs to insert next; an empty list where all have an outcome."""
        return [self._jobs[index] for index in self._parts[-1]] if self._parts else []

    def inserted(self, jobs: Sequence[Any]) -> None:
        """Record that the part was inserted."""
        for index, job in zip(self._parts.pop(), jobs, strict=True):
            self.outcomes[index] = job

    def refused(self, error: Exception, *, committing: bool) -> None:
        """Record that the part was not inserted, or that nobody knows.

        Args:
            error: what was raised.
            committing: whether it was on its way to being committed.

        Raises:
            Exception: the error, where it is no fault of a job; nothing more is to be tried.
        """
        part = self._parts.pop()
        if is_fault_of_a_job(error):
            if len(part) == 1:
                self.outcomes[part[0]] = Failure(error)
            else:
                middle = len(part) // 2
                self._parts += [part[middle:], part[:middle]]
            return
        if committing:
            for index in part:
                self.outcomes[index] = Failure(error, uncertain=True)
        raise error


def is_fault_of_a_job(error: Exception) -> bool:
    """Whether an INSERT failed for one of its jobs, and would succeed without that.

    A lock that another job has or that is too long for its index, a value that PostgreSQL or a
    constraint refuses, an argument that cannot be encoded.
    """
    cause = error.__cause__ if isinstance(error, ConnectorException) else error
    if isinstance(cause, DataError | IntegrityError | ProgramLimitExceeded):
        return True
    return isinstance(error, AlreadyEnqueued | UniqueViolation | TypeError | ValueError)
