"""The executor that sends through Celery."""

try:
    from airlock_celery import celery_executor
except ModuleNotFoundError as error:
    if error.name != "airlock_celery":
        raise
    raise ImportError(
        "airlock.integrations.executors.celery needs airlock-celery: pip install airlock-celery"
    ) from error

__all__ = ["celery_executor"]
