"""The tools for migrating to airlock with Celery; its executor is in `executors.celery`."""

try:
    from airlock_celery import (
        LegacyTaskShim,
        install_global_intercept,
        uninstall_global_intercept,
    )
except ModuleNotFoundError as error:
    if error.name != "airlock_celery":
        raise
    raise ImportError(
        "airlock.integrations.celery needs airlock-celery: pip install airlock-celery"
    ) from error

__all__ = ["LegacyTaskShim", "install_global_intercept", "uninstall_global_intercept"]
