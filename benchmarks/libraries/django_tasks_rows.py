"""Django's tasks as rows: `enqueue()` in a loop, and airlock. They have no call for many."""

from __future__ import annotations

from django_project import set_up

BROKERS = ["postgresql"]
PEER = None


class Library:
    executor = None  # the task goes home by itself

    def __init__(self, url: str) -> None:
        backend = {"BACKEND": "django_tasks_db.DatabaseBackend"}
        set_up(url, "django_tasks_db", TASKS={"default": backend})
        from django_task import task
        from django_tasks_db.models import DBTaskResult

        self.rows, self.task = DBTaskResult.objects, task

    def loop(self, size: int) -> None:
        for number in range(size):
            self.task.enqueue(number, name="name")

    def floor(self, size: int) -> None:
        """Make the row of each task, and write none."""
        from uuid import uuid4

        from django_tasks_db.compat import normalize_json

        for number in range(size):
            self.rows.model(
                id=uuid4(),
                args_kwargs=normalize_json({"args": (number,), "kwargs": {"name": "name"}}),
                priority=self.task.priority,
                task_path=self.task.module_path,
                queue_name=self.task.queue_name,
                run_after=self.task.run_after,
                backend_name="default",
            )

    def arrived(self) -> int:
        return self.rows.count()

    def clear(self) -> None:
        self.rows.all().delete()
