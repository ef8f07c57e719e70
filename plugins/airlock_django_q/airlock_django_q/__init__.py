"""airlock for django-q2: tasks leave for their cluster when the work that asked for them succeeded.

Importing it imports neither django-q nor Django. In `INSTALLED_APPS`, it has each task of the
clusters run in a scope.
"""

from __future__ import annotations

from airlock_django_q.executor import DjangoQExecutor, django_q_executor

__version__ = "0.1.0"

__all__ = ["DjangoQExecutor", "django_q_executor"]
