"""What is current here: the scope, the local policies, and whether a policy is judging.

One context variable holds one immutable frame, so an `enqueue` reads a single variable. No
token is kept: whoever set a frame puts the one before it back, and only where it is still its
own, so that no context ever restores what another one set.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar, copy_context
from functools import wraps
from types import TracebackType
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from airlock_core.calls import is_coroutine_function

if TYPE_CHECKING:
    from airlock_core.intents import Intent
    from airlock_core.policies import Policy
    from airlock_core.scopes import Scope

P = ParamSpec("P")
R = TypeVar("R")

#: Policies and their instances for a scope, by the ids of scope and policy.
Instances = dict[tuple[int, int], tuple["Policy", "Policy"]]


class Frame:
    """What is current in one context. Only `ended` ever changes: whoever set it has left."""

    __slots__ = ("ended", "judging", "policies", "previous", "scope")

    def __init__(
        self,
        scope: Scope | None,
        policies: tuple[Policy, ...],
        judging: Judging | None,
        previous: Frame | None,
    ) -> None:
        """Make a frame on top of `previous`."""
        self.scope = scope
        self.policies = policies
        self.judging = judging
        self.previous = previous
        self.ended = False


class Judging:
    """An ongoing judgement: of what, and with which instances of the policies that count.

    Args:
        subject: what happens meanwhile, for messages: a text, or the intent that is enqueued.
        instances: the policies' instances to use instead of the scopes' own, in a dry run.
    """

    __slots__ = ("instances", "subject")

    def __init__(self, subject: str | Intent, instances: Instances | None = None) -> None:
        """Begin a judgement."""
        self.subject = subject
        self.instances = instances

    def __str__(self) -> str:
        """Say what happens meanwhile; the text is not made before somebody asks for it."""
        return self.subject if isinstance(self.subject, str) else f"{self.subject.name} is enqueued"


NOWHERE = Frame(None, (), None, None)

here: ContextVar[Frame] = ContextVar("airlock", default=NOWHERE)


def push(frame: Frame) -> None:
    """Make `frame` the current one."""
    here.set(frame)


def pop(frame: Frame) -> None:
    """End `frame`, and put back what was current before it, if nothing else is current here.

    Frames that have ended in the meantime (blocks that were left out of order, as generators
    can) are passed over.
    """
    frame.ended = True
    found = current = here.get()
    while found.ended or (found.scope is not None and found.scope.closed):
        found = found.previous or NOWHERE
    if found is not current:
        here.set(found)


def while_judging(
    scope: Scope, judging: Judging, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs
) -> R:
    """Call `function` where an `enqueue()` is an error: a policy or a plugin is being asked."""
    before = here.get()
    try:  # what is set within the `try` is put back whenever the process is interrupted
        here.set(Frame(scope, (), judging, before))
        return function(*args, **kwargs)
    finally:
        here.set(before)


def get_current_scope() -> Scope | None:
    """Return the scope that an `enqueue()` here would use, or None."""
    return here.get().scope


class policy:
    """Apply a policy to every `enqueue` in a block, whatever scope it lands in.

    Args:
        policy: the policy object.

    Raises:
        ConfigurationError: it is no policy (a class instead of an instance, say).

    Example: `with airlock.policy(airlock.AssertNoEffects()): user.save()`
    """

    __slots__ = ("_frames", "policy")

    def __init__(self, policy: Policy) -> None:
        """Check the policy; nothing applies before the block is entered."""
        from airlock_core.policies import checked_policy

        self.policy = checked_policy(policy)
        self._frames: list[Frame] = []

    def __enter__(self) -> Policy:
        """Apply the policy from here on."""
        current = here.get()
        frame = Frame(current.scope, (*current.policies, self.policy), current.judging, current)
        self._frames.append(frame)
        push(frame)
        return self.policy

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop applying it."""
        pop(self._frames.pop())

    async def __aenter__(self) -> Policy:
        """Apply the policy from here on."""
        return self.__enter__()

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop applying it."""
        self.__exit__(exc_type, exc, traceback)


def carry(function: Callable[P, R]) -> Callable[P, R]:
    """Take the current scope along into another thread, once or for a whole pool.

    A thread starts with no scope. `pool.map(airlock.carry(work), items)` runs `work` with the
    context variables of this line: its scope, its local policies, and whatever else the
    application keeps in context variables. An `enqueue` there belongs to the scope as long as
    that is open, and is a `ScopeStateError` afterwards.

    Args:
        function: a function or a coroutine function.

    Returns:
        A function that can be called any number of times, also at the same time.
    """
    context = copy_context()
    if is_coroutine_function(function):

        @wraps(function)
        async def carried_async(*args: P.args, **kwargs: P.kwargs) -> Any:
            import asyncio

            own = context.copy()
            task: asyncio.Task[Any] = asyncio.get_running_loop().create_task(
                own.run(function, *args, **kwargs),  # type: ignore[arg-type]
                context=own,
            )
            return await task

        return carried_async  # type: ignore[return-value]

    @wraps(function)
    def carried(*args: P.args, **kwargs: P.kwargs) -> R:
        return context.copy().run(function, *args, **kwargs)

    return carried
