"""Messages to RabbitMQ: a run leaves through one channel, and is waited for once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Any, Self

from dramatiq.common import q_name

from airlock import Failure
from airlock_dramatiq.collecting import Collecting, stand_in
from airlock_dramatiq.errors import BrokerError, ConnectionClosed, Returned
from airlock_dramatiq.letters import Letter
from airlock_dramatiq.line_pools import pool_for
from airlock_dramatiq.lines import Line
from airlock_dramatiq.routes import Route

#: How many intents are waited for together.
BATCH = 1000


class Channel(Route):
    """Collects what Dramatiq publishes, and publishes it on a line of airlock's own.

    Args:
        broker: a `RabbitmqBroker`.
    """

    def __init__(self, broker: Any) -> None:
        """Nothing happens before it is entered."""
        super().__init__(broker)
        self._pool = pool_for(broker)
        self._refused: dict[str, BrokerError] = {}
        self._collecting: Any = stand_in(broker, _CollectingChannel)
        self._collecting._airlock_route = self

    def __enter__(self) -> Self:
        """Take a line on which RabbitMQ has just answered."""
        self._line: Line = self._pool.take()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Give the line back, where nothing can be left on it."""
        self._collecting = None  # they refer to each other, and to the broker
        if error is None and self._line.lost is None:
            self._pool.give_back(self._line)
        else:
            self._line.abandon()

    def collecting(self, letter: Letter) -> Any:
        """Return the broker, with a channel that keeps what is published."""
        self._collecting._airlock_letter = letter
        return self._collecting

    def send(self, letters: Sequence[Letter]) -> Iterator[Any]:
        """Send letters; where the line is lost, what was not confirmed may have left."""
        for start in range(0, len(letters), BATCH):
            batch = letters[start : start + BATCH]
            messages = [message for letter in batch for message in letter.kept]
            fates = iter(self._publish(messages) if messages else [])
            for letter in batch:
                errors = [fate for _ in letter.kept if (fate := next(fates)) is not None]
                lost = next((fate for fate in errors if isinstance(fate, ConnectionClosed)), None)
                if lost is None:
                    yield letter.outcome(self.broker, errors)
                else:
                    yield Failure(lost, uncertain=True)
            if self._line.lost is not None:
                raise ConnectionClosed(self._line.lost)

    def declare(self, queue: dict[str, Any]) -> Any:
        """Declare a queue; one that RabbitMQ has refused is not asked for again in this run."""
        name = queue["queue"]
        if name not in self._refused:
            try:
                return self._line.declare(queue)
            except ConnectionClosed:
                raise
            except BrokerError as error:
                self._refused[name] = error
        raise self._refused[name]

    def _publish(self, messages: Sequence[dict[str, Any]]) -> list[Exception | None]:
        fates = self._line.publish(messages)
        again = [place for place, fate in enumerate(fates) if isinstance(fate, Returned)]
        if again and self._line.lost is None:
            # Somebody has deleted a queue that the broker has declared before: Dramatiq declares
            # it once more, too, and a message that came back is nowhere else.
            for queue in {q_name(messages[place]["routing_key"]) for place in again}:
                self.broker.queues_pending.add(queue)
                self._collecting.declare_queue(queue, ensure=True)
            second = self._line.publish([messages[place] for place in again])
            for place, fate in zip(again, second, strict=True):
                fates[place] = fate
        return fates


class _CollectingChannel(Collecting):
    """A `RabbitmqBroker` whose channel keeps messages; queues are declared on airlock's line."""

    __slots__ = ()

    @property
    def channel(self) -> Any:
        return _Notebook(self._airlock_route, self._airlock_letter)

    @channel.deleter
    def channel(self) -> None: ...

    @property
    def connection(self) -> Any:
        return self._airlock_route.broker.connection

    @connection.deleter
    def connection(self) -> None: ...


class _Notebook:
    """Pika's blocking channel, as far as Dramatiq uses it to enqueue."""

    def __init__(self, route: Channel, letter: Letter) -> None:
        self._route = route
        self._letter = letter

    def queue_declare(self, queue: str, **options: Any) -> Any:
        return self._route.declare({"queue": queue, **options})

    def basic_publish(self, **message: Any) -> None:
        self._letter.kept.append(message)
