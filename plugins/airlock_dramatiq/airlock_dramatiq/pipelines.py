"""Messages to Redis: a run leaves in a pipeline, after one question that is asked before."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice
from types import TracebackType
from typing import Any, Self

from dramatiq.brokers.redis import DEFAULT_MAINTENANCE_CHANCE, RedisBroker
from redis import Redis
from redis.exceptions import ConnectionError, RedisError, ResponseError, TimeoutError
from redis.sentinel import MasterNotFoundError

from airlock import Failure
from airlock_dramatiq.brokers import client_of
from airlock_dramatiq.calls import Calls
from airlock_dramatiq.collecting import Collecting, stand_in
from airlock_dramatiq.kinds import is_dramatiqs
from airlock_dramatiq.letters import Letter
from airlock_dramatiq.routes import Route

#: How many intents share a pipeline: more would save nothing, and a pipeline that breaks leaves
#: the fate of all of them open.
BATCH = 1000


def is_one_redis(client: Any) -> bool:
    """Whether it is a client of one server: a cluster's has no pipeline over several queues."""
    return isinstance(client, Redis)


class Pipeline(Route):
    """The calls of Dramatiq's Lua script, made in one pipeline.

    Args:
        broker: a `RedisBroker`.
    """

    def __init__(self, broker: Any) -> None:
        """Nothing happens before it is entered."""
        super().__init__(broker)
        client = client_of(broker)
        self.scripts: dict[str, Any] = {
            name: partial(script, client=client) for name, script in broker.scripts.items()
        }
        self.scripts["dispatch"] = self._keep
        self._dispatch = broker.scripts["dispatch"]
        self._pipeline: Any = client.pipeline(transaction=False)
        self.calls = Calls(self._dispatch, client.connection_pool.get_encoder().encode)
        repeats = _enqueues_as_dramatiq_does(broker) and not (self.hears_before or self.hears_after)
        self._collecting: Any = stand_in(broker, _Repeating if repeats else _Collecting)
        self._collecting._airlock_route = self

    def __enter__(self) -> Self:
        """Load the script: a connection that died unnoticed is made anew, as nothing has left."""
        try:
            self._knock()
        except (TimeoutError, MasterNotFoundError):
            raise  # it has been waited for
        except ConnectionError:
            self._knock()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Give the connection back."""
        self._pipeline.reset()
        # They refer to each other, and to the broker.
        self._collecting = None
        self.scripts.clear()

    def collecting(self, letter: Letter) -> Any:
        """Return the broker, with a script that is only noted down."""
        self._collecting._airlock_letter = letter
        return self._collecting

    def send(self, letters: Sequence[Letter]) -> Iterator[Any]:
        """Send letters in pipelines; of one that breaks, what Redis has answered has left."""
        for start in range(0, len(letters), BATCH):
            batch = letters[start : start + BATCH]
            answers: list[Any] = []
            broken = self._converse([call for letter in batch for call in letter.kept], answers)
            remaining = iter(answers)
            for letter in batch:
                said = list(islice(remaining, len(letter.kept)))
                if len(said) < len(letter.kept) and broken is not None:
                    yield Failure(broken, uncertain=True)
                else:
                    errors = [answer for answer in said if isinstance(answer, Exception)]
                    yield letter.outcome(self.broker, errors)
            if broken is not None:
                raise broken

    def _knock(self) -> None:
        pipeline = self._pipeline
        pipeline.reset()
        pipeline.scripts.add(self._dispatch)
        try:
            pipeline.load_scripts()
        except BaseException:
            pipeline.reset()
            raise

    def _keep(self, keys: Sequence[Any], args: Sequence[Any]) -> None:
        """Keep a call of the script. What cannot be encoded is found out now."""
        self._collecting._airlock_letter.kept.append(self.calls.packed(keys, args))

    def _converse(self, calls: Sequence[bytes], answers: list[Any]) -> Exception | None:
        """Send calls, and note down the answer to each.

        Returns:
            Why not all of them were answered, or None.
        """
        connection = self._pipeline.connection
        try:
            connection.send_packed_command([b"".join(calls)])
            for _ in calls:
                try:
                    answers.append(connection.read_response())
                except ResponseError as error:
                    answers.append(error)
        except (RedisError, OSError) as error:
            connection.disconnect()
            return error
        except BaseException:
            connection.disconnect()  # answers may still come, and would be taken for others
            raise
        return None


def _enqueues_as_dramatiq_does(broker: Any) -> bool:
    """Whether it is Dramatiq's broker itself, and nobody has a hand in what it does."""
    return (
        type(broker) is RedisBroker
        and is_dramatiqs(RedisBroker, "enqueue", "dramatiq.brokers.redis")
        and not {"enqueue", "do_enqueue"} & vars(broker).keys()
        and not hasattr(RedisBroker, "do_enqueue")
        and broker.maintenance_chance <= DEFAULT_MAINTENANCE_CHANCE
    )


class _Collecting(Collecting):
    """A `RedisBroker` whose script `dispatch` is noted down; others run within the deadline."""

    __slots__ = ()

    enqueue: Any

    @property
    def scripts(self) -> dict[str, Any]:
        found: dict[str, Any] = self._airlock_route.scripts
        return found


class _Repeating(_Collecting):
    """The same, which looks at what is made of the first message, and repeats it."""

    __slots__ = ()

    @property
    def maintenance_chance(self) -> int:
        """None: the lot would be drawn once, and fall on all. The calls of workers have theirs."""
        return 0

    def enqueue(self, message: Any, *, delay: int | None = None) -> Any:
        calls = self._airlock_route.calls
        if delay is not None:
            return super().enqueue(message, delay=delay)
        call = calls.repeated(message)
        if call is not None:
            self._airlock_letter.kept.append(call)
            return message
        made = super().enqueue(message)
        calls.learn(message, made)
        return made
