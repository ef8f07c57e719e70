"""The signal that something was committed and could not be sent."""

from __future__ import annotations

from django.dispatch import Signal

#: Sent with `error`, a `DispatchError`: `error.retry()` sends the failed and the untried again.
dispatch_failed = Signal()
