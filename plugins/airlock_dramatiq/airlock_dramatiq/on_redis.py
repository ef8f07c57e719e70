"""Messages to Redis: a run leaves in a pipeline, after one question that is asked before."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from types import TracebackType
from typing import Any, Self

from redis import Redis
from redis.exceptions import ConnectionError, RedisError, TimeoutError

from airlock import Failure
from airlock_dramatiq.carriers import Carrier, Collecting
from airlock_dramatiq.parcels import Parcel
from airlock_dramatiq.redis_clients import own_client
from airlock_dramatiq.standins import stand_in

#: How many intents share a pipeline: more would save nothing, and a pipeline that breaks leaves
#: the fate of all of them open.
BATCH = 1000


def is_one_redis(client: Any) -> bool:
    """Whether it is a client of one server: a cluster's has no pipeline over several queues."""
    return isinstance(client, Redis)


class RedisCarrier(Carrier):
    """Collects the calls of Dramatiq's Lua script, and makes them in one pipeline.

    Args:
        broker: a `RedisBroker`.
    """

    def __init__(self, broker: Any) -> None:
        """Nothing happens before it is entered."""
        super().__init__(broker)
        self.client = own_client(broker.client)
        self.scripts: dict[str, Any] = {
            name: partial(script, client=self.client) for name, script in broker.scripts.items()
        }
        self.scripts["dispatch"] = self._note
        self._dispatch = broker.scripts["dispatch"]
        self._collecting: Any = stand_in(broker, _CollectingScripts)
        self._collecting._airlock_carrier = self

    def __enter__(self) -> Self:
        """Load the script: a connection that died unnoticed is made anew, as nothing has left."""
        self._pipeline: Any = self.client.pipeline(transaction=False)
        try:
            self._knock()
        except TimeoutError:
            raise
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

    def collecting(self, parcel: Parcel) -> Any:
        """Return the broker, with a script that is only noted down."""
        self._collecting._airlock_parcel = parcel
        return self._collecting

    def send(self, parcels: Sequence[Parcel]) -> Iterator[Any]:
        """Send parcels in pipelines; one that breaks leaves open what became of those in it."""
        for start in range(0, len(parcels), BATCH):
            batch = parcels[start : start + BATCH]
            for parcel in batch:
                for keys, args in parcel.kept:
                    self._pipeline.evalsha(self._dispatch.sha, len(keys), *keys, *args)
            try:
                answers = iter(self._pipeline.execute(raise_on_error=False))
            except (RedisError, OSError) as error:
                for parcel in batch:
                    refused = parcel.error
                    yield Failure(error, uncertain=True) if refused is None else Failure(refused)
                raise
            for parcel in batch:
                errors = [
                    answer for _ in parcel.kept if isinstance(answer := next(answers), Exception)
                ]
                yield parcel.outcome(self.broker, errors)

    def _note(self, keys: Sequence[Any], args: Sequence[Any]) -> None:
        self._collecting._airlock_parcel.kept.append((keys, args))

    def _knock(self) -> None:
        pipeline = self._pipeline
        pipeline.reset()
        pipeline.scripts.add(self._dispatch)
        try:
            pipeline.load_scripts()
        except BaseException:
            pipeline.reset()
            raise
        pipeline.scripts.clear()  # or they would be asked for once more


class _CollectingScripts(Collecting):
    """A `RedisBroker` whose script `dispatch` is noted down; others run within the deadline."""

    __slots__ = ()

    @property
    def scripts(self) -> dict[str, Any]:
        found: dict[str, Any] = self._airlock_carrier.scripts
        return found
