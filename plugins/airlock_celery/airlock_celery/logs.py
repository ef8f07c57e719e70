"""The logs of a worker, structured by structlog: one line an event, with ids."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, MutableMapping
from typing import Any, Literal, get_args

from airlock import ConfigurationError

Style = Literal["json", "key-value", "console"]

Event = MutableMapping[str, Any]

_UID = "airlock_celery.logs"


def install(style: Style) -> None:
    """Have the workers and beats of this process log in a style; the last call decides.

    Other processes log as before. In a worker the root logger gets one handler, in the place of
    those it has, as Celery does it.

    Raises:
        ConfigurationError: there is no such style, or structlog is not installed.
    """
    if style not in get_args(Style):
        raise ConfigurationError(
            f"logs={style!r} is no style of logs. Take one of {', '.join(get_args(Style))}, or "
            "None to leave logging to Celery."
        )
    try:
        import structlog  # noqa: F401
    except ImportError as error:
        raise ConfigurationError(
            f"logs={style!r} needs structlog: pip install 'airlock-celery[structlog]'. "
            "logs=None leaves logging to Celery."
        ) from error
    from celery.signals import setup_logging

    def set_up(loglevel: int, logfile: str | None, **_: Any) -> None:
        _set_up(style, loglevel, logfile)

    setup_logging.disconnect(dispatch_uid=_UID)
    setup_logging.connect(set_up, weak=False, dispatch_uid=_UID)


def _set_up(style: Style, level: int, file: str | None) -> None:
    """Give the root logger of this process its one handler, and that of the process pool."""
    import structlog
    from celery.utils.log import get_multiprocessing_logger

    handler = _handler(file)
    handler.setFormatter(formatter(style, colors=file is None and sys.stderr.isatty()))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    pool = get_multiprocessing_logger()  # which passes nothing on to the root
    pool.handlers = [handler]
    pool.setLevel(logging.ERROR)
    if not structlog.is_configured():  # else the project has said where its events go
        structlog.configure(
            processors=[*_shared(), structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
            wrapper_class=structlog.stdlib.BoundLogger,
            logger_factory=structlog.stdlib.LoggerFactory(),
        )


def _handler(file: str | None) -> logging.Handler:
    if file:
        from logging.handlers import WatchedFileHandler

        return WatchedFileHandler(file, encoding="utf-8")
    return logging.StreamHandler(sys.__stderr__)


def formatter(style: Style, *, colors: bool = False) -> logging.Formatter:
    """Make the formatter, for structlog's events and for everybody else's lines.

    A line has `event`, `level`, `logger` and `timestamp`, what is bound in `structlog.contextvars`,
    and in a task `task` and `task_id`.

    Args:
        style: how the line is written.
        colors: whether the style `console` is to be coloured.
    """
    import structlog

    renderers: dict[Style, Callable[[], Any]] = {
        "json": structlog.processors.JSONRenderer,
        "key-value": lambda: structlog.processors.KeyValueRenderer(
            key_order=["timestamp", "level", "event"]
        ),
        "console": lambda: structlog.dev.ConsoleRenderer(colors=colors),
    }
    errors = [] if style == "console" else [structlog.processors.format_exc_info]
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*_shared(), structlog.stdlib.ExtraAdder(), _without_arguments],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            *errors,
            renderers[style](),
        ],
    )


def _shared() -> list[Any]:
    import structlog

    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        _add_task,
    ]


def _add_task(logger: Any, method: str, event: Event) -> Event:
    """Name the task that runs, unless the event names one."""
    from celery import current_task

    if current_task and current_task.request.id:
        event.setdefault("task", current_task.name)
        event.setdefault("task_id", current_task.request.id)
    return event


def _without_arguments(logger: Any, method: str, event: Event) -> Event:
    """Take out what Celery adds to its own lines: the arguments and results of tasks."""
    if str(event.get("logger", "")).startswith("celery"):
        event.pop("data", None)
    return event
