"""How a report shows values that may be secret: by type, unless a setting and `DEBUG` say so."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from reprlib import Repr
from typing import Any

from airlock import Intent
from airlock_core.names import shape
from airlock_django import settings

_PLAIN = (str, int, float, bool, type(None), datetime.date, datetime.timedelta)

# Also of what raises when it is shown.
_short = Repr()
_short.maxstring = _short.maxother = 200


def in_full() -> bool:
    """Whether arguments are shown: `AIRLOCK["REPORT_ARGUMENTS"]`, and never without `DEBUG`."""
    from django.conf import settings as django_settings

    return bool(django_settings.DEBUG and settings.user_settings().get("REPORT_ARGUMENTS"))


def arguments_text(intent: Intent) -> str:
    """Show the arguments of an intent, as `int, user_id=str` or as `7, user_id='ann'`."""
    if not in_full():
        return shape(intent.args, intent.kwargs)
    parts = [_short.repr(_cleansed("", value)) for value in intent.args]
    parts += [f"{key}={_short.repr(_cleansed(key, value))}" for key, value in intent.kwargs.items()]
    return ", ".join(parts)


def options_text(options: Mapping[str, Any]) -> str:
    """Show dispatch options: plain values as they are, such as a queue's name, others by type."""
    full = in_full()
    return ", ".join(
        f"{key}={_short.repr(_cleansed(str(key), value))}"
        if full or isinstance(value, _PLAIN)
        else f"{key}={type(value).__name__}"
        for key, value in options.items()
    )


def error_text(error: BaseException | None) -> str:
    """Show an exception by its class: messages of brokers quote arguments and passwords."""
    if error is None:
        return ""
    return _short.repr(error) if in_full() else type(error).__qualname__


def receipt_text(receipt: Any) -> str:
    """Show a receipt by its type: that of an inline effect is whatever the function returned."""
    if receipt is None:
        return ""
    return _short.repr(receipt) if in_full() else type(receipt).__qualname__


def _cleansed(key: str, value: Any) -> Any:
    """Hide what Django's own error pages hide, by its name: passwords, tokens, keys."""
    from django.views.debug import get_default_exception_reporter_filter

    return get_default_exception_reporter_filter().cleanse_setting(key, value)
