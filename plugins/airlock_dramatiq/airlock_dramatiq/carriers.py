"""A carrier takes the messages of a run to one broker. The one here serves brokers of any kind."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Any, Self

from airlock import Failure
from airlock_dramatiq.parcels import Parcel


class Carrier:
    """Sends one by one, with the broker's own `enqueue`: on the stub broker, or another's own.

    Entering it makes sure that the broker can be reached, where there is a way to ask.

    Args:
        broker: the application's broker.

    Attributes:
        broker: the same.
        hears_before: whether any middleware listens to `before_enqueue`.
        hears_after: whether any middleware listens to `after_enqueue`.
    """

    def __init__(self, broker: Any) -> None:
        """Nothing happens before it is entered."""
        self.broker = broker
        self.hears_before = _hears(broker, "before_enqueue")
        self.hears_after = _hears(broker, "after_enqueue")

    def __enter__(self) -> Self:
        """Make sure that the broker answers, before anything is on its way."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Let go of the connection."""

    def collecting(self, parcel: Parcel) -> Any:
        """Return what stands in for the broker, and puts messages into a parcel."""
        return _Keeper(self.broker, parcel)

    def send(self, parcels: Sequence[Parcel]) -> Iterator[Any]:
        """Send parcels in order.

        Yields:
            One outcome for each.
        """
        from airlock_dramatiq.brokers import is_lost_on_the_way, is_unreachable

        for parcel in parcels:
            if parcel.error is not None:
                yield Failure(parcel.error)
                continue
            sent = 0
            try:
                for message, delay in parcel.kept:
                    enqueued = parcel.intent.run(self.broker.enqueue, message, delay=delay)
                    sent += 1
                    if parcel.receipt is message:
                        parcel.receipt = enqueued
            except Exception as error:
                lost = is_lost_on_the_way(error)
                if lost or sent:
                    yield Failure(error, uncertain=True)
                elif not is_unreachable(error):
                    yield Failure(error)
                if is_unreachable(error):
                    raise
            else:
                yield parcel.receipt


def _hears(broker: Any, hook: str) -> bool:
    """Whether telling the middleware would do anything: most has nothing to say of an enqueue.

    Ten times nothing for each message is a good part of what a message costs.
    """
    from dramatiq import Broker, Middleware

    emit = "emit_" + hook.partition("_")[0]
    if getattr(type(broker), emit) is not getattr(Broker, emit) or emit in vars(broker):
        return True
    silent = getattr(Middleware, hook)
    return any(
        getattr(type(each), hook, None) is not silent or hook in vars(each)
        for each in broker.middleware
    )


class _Keeper:
    """A broker that keeps messages."""

    def __init__(self, broker: Any, parcel: Parcel) -> None:
        self._broker = broker
        self._parcel = parcel

    def enqueue(self, message: Any, *, delay: int | None = None) -> Any:
        message.encode()  # one that cannot be encoded is to fail before the first is sent
        self._parcel.kept.append((message, delay))
        return message

    def __getattr__(self, name: str) -> Any:
        return getattr(self._broker, name)


class Collecting:
    """What stands in for a broker that makes its messages itself, and keeps them in a parcel.

    Middleware is told of a message when it is made, and that it has left when it has left; it sees
    the application's broker.
    """

    __slots__ = ("_airlock_carrier", "_airlock_parcel")

    _airlock_carrier: Any
    _airlock_parcel: Parcel

    def emit_before(self, signal: str, *args: Any, **kwargs: Any) -> None:
        """Pass on."""
        carrier = self._airlock_carrier
        if carrier.hears_before or signal != "enqueue":
            carrier.broker.emit_before(signal, *args, **kwargs)

    def emit_after(self, signal: str, *args: Any, **kwargs: Any) -> None:
        """Pass on, but for `after_enqueue`, which comes when the message has left."""
        carrier = self._airlock_carrier
        if signal != "enqueue":
            carrier.broker.emit_after(signal, *args, **kwargs)
        elif carrier.hears_after:
            self._airlock_parcel.announced.append(args)
