"""The span of a flush, from the first batch to the end of its intents."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from airlock import State
from airlock_opentelemetry.propagator import KEY

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Link, Span

    from airlock import Intent, Scope
    from airlock_opentelemetry.instruments import Instruments

_KEPT_BACK = {
    State.DENIED: "airlock.intent_denied",
    State.ROLLED_BACK: "airlock.intent_rolled_back",
    State.DISCARDED: "airlock.intent_discarded",
}
_FAILURES = (State.FAILED, State.UNDELIVERED, State.UNCERTAIN)
#: How many links or events a span gets; the SDK drops the oldest of more than 128, maybe another's.
MOST = 100


class Flush:
    """A flush that has begun.

    Attributes:
        span: its span, or None where nobody listens.
    """

    def __init__(self, instruments: Instruments, intents: Sequence[Intent]) -> None:
        """Begin.

        Args:
            instruments: has the tracer.
            intents: those that are about to leave, as far as they are known.
        """
        self._start = perf_counter()
        self.span: Span | None = None
        if instruments.tracing:
            self.span = instruments.tracer.start_span("airlock.flush", context=parent_of(intents))

    @property
    def seconds(self) -> float:
        """How long it has taken."""
        return perf_counter() - self._start

    def end(self, scope: Scope, intents: Sequence[Intent]) -> None:
        """Say on the span what became of the intents, and end it."""
        if self.span is not None:
            if self.span.is_recording():
                _describe(self.span, scope, intents)
            self.span.end()


class Flushes:
    """The flushes that are under way, one for each scope that is flushing."""

    def __init__(self, instruments: Instruments) -> None:
        """Begin without one."""
        self._instruments = instruments
        self._under_way: WeakKeyDictionary[Scope, Flush] = WeakKeyDictionary()

    def begin(self, scope: Scope, intent: Intent) -> None:
        """Note that a scope's first intent is about to leave; for the others do nothing."""
        if scope not in self._under_way:
            self._under_way[scope] = Flush(self._instruments, [intent])

    def span_of(self, scope: Scope | None) -> Span | None:
        """Return the span of the flush of a scope, if there is one."""
        flush = None if scope is None else self._under_way.get(scope)
        return None if flush is None else flush.span

    def end(self, scope: Scope) -> Flush | None:
        """Forget a scope's flush, and return it; None where nothing was about to leave."""
        return self._under_way.pop(scope, None)


def parent_of(intents: Sequence[Intent]) -> Context | None:
    """Return what a span about these intents is a child of; None for what is current.

    After a commit, that may be nothing: then it is where the first of them was enqueued.
    """
    from opentelemetry import trace
    from opentelemetry.propagate import extract

    if trace.get_current_span().get_span_context().is_valid or not intents:
        return None
    headers = _headers_of(intents[0])
    return extract(headers) if headers else None


def links_to(intents: Sequence[Intent]) -> list[Link]:
    """Return links to the spans in which intents were enqueued, each once."""
    from opentelemetry import trace
    from opentelemetry.propagate import extract

    seen: dict[tuple[Any, ...], Link] = {}
    for intent in intents:
        headers = _headers_of(intent)
        written = tuple(headers.items()) if headers else ()
        if headers and written not in seen:
            context = trace.get_current_span(extract(headers)).get_span_context()
            if context.is_valid:
                seen[written] = trace.Link(context)
                if len(seen) >= MOST:
                    break
    return list({link.context.span_id: link for link in seen.values()}.values())


def _headers_of(intent: Intent) -> dict[str, str] | None:
    if not intent.has_meta or KEY not in intent.meta:
        return None
    headers: dict[str, str] = intent.meta[KEY]["headers"]
    return headers


def _describe(span: Span, scope: Scope, intents: Sequence[Intent]) -> None:
    from opentelemetry.trace import Status, StatusCode

    counts = Counter(intent.state for intent in intents)
    failed = [intent for intent in intents if intent.state in _FAILURES]
    outcome = "failed" if failed else "flushed"
    if counts.keys() <= {State.DISCARDED}:
        outcome = "discarded"
    span.set_attributes({"airlock.scope": scope.name, "airlock.outcome": outcome})
    for state, count in counts.items():
        span.set_attribute(f"airlock.intents.{state.value.replace(' ', '_')}", count)
    kept_back = [intent for intent in intents if intent.state in _KEPT_BACK]
    for intent in kept_back[:MOST]:
        _tell(span, intent)
    if failed and failed[0].outcome is not None:
        # The class alone: a message may hold the password in a broker's address.
        error = type(failed[0].outcome.error).__qualname__
        span.set_attribute("error.type", error)
        span.set_status(Status(StatusCode.ERROR, error))


def _tell(span: Span, intent: Intent) -> None:
    attributes = {"airlock.task": intent.name, "airlock.origin": intent.origin}
    if intent.outcome is not None:
        if intent.outcome.by:
            attributes["airlock.by"] = intent.outcome.by
        if intent.outcome.reason:
            attributes["airlock.reason"] = intent.outcome.reason
    span.add_event(_KEPT_BACK[intent.state], attributes)
