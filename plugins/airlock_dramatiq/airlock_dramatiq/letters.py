"""What one intent sends: its messages, made first and sent then, and what is said of them after."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airlock import Failure

if TYPE_CHECKING:
    from airlock import Intent


class Letter:
    """The messages of one intent.

    Args:
        intent: the intent.

    Attributes:
        kept: what is to be sent, in the form that its route takes.
        announced: the arguments of each `after_enqueue` that is due when they have left.
        receipt: what the intent gets for it.
        error: why it could not be made, or None.
    """

    __slots__ = ("announced", "error", "intent", "kept", "receipt")

    def __init__(self, intent: Intent) -> None:
        """Begin empty."""
        self.intent = intent
        self.kept: list[Any] = []
        self.announced: list[tuple[Any, ...]] = []
        self.receipt: Any = None
        self.error: Exception | None = None

    def refuse(self, error: Exception) -> None:
        """Send nothing of it: a group of which one message cannot be made stays here whole."""
        self.kept.clear()
        self.announced.clear()
        self.error = error

    def outcome(self, broker: Any, errors: list[Exception]) -> Any:
        """Return the outcome of having sent it, and tell the broker's middleware where it left.

        Args:
            broker: the application's broker.
            errors: what became of those of its messages that were refused.
        """
        if self.error is not None:
            return Failure(self.error)
        if errors:
            # Of several messages some may be on their way.
            return Failure(errors[0], uncertain=len(errors) < len(self.kept))
        if self.announced:
            self.intent.run(self._announce, broker)
        return self.receipt

    def _announce(self, broker: Any) -> None:
        for arguments in self.announced:
            broker.emit_after("enqueue", *arguments)
