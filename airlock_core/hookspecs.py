"""The contract with every plugin: four hooks, and the two markers.

A plugin is a module or an object with functions of these names, marked `@hookimpl`. Each may
take any of the arguments, by name, and leave out the rest.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pluggy

from airlock_core.outcomes import Deny, Exit

if TYPE_CHECKING:
    from airlock_core.intents import Intent
    from airlock_core.scopes import Scope

hookspec = pluggy.HookspecMarker("airlock")
hookimpl = pluggy.HookimplMarker("airlock")


@hookspec
def intent_created(intent: Intent, scope: Scope) -> None:
    """Observe each intent once, at the `enqueue` line, before it is recorded.

    It may annotate `intent.meta`, add a hold, or raise to refuse the intent at that line.
    """


@hookspec
def policy_check(intent: Intent, scope: Scope) -> bool | Deny | None:
    """Judge each intent once, at the outermost scope's exit, after its holds have settled.

    `False` or `Deny(reason)` denies; `True` and `None` both mean "no objection".
    """


@hookspec(firstresult=True)
def dispatch(intent: Intent, scope: Scope) -> Callable[[Intent], object] | None:
    """Choose the executor that carries the intent, or decline with `None`.

    Asked for each intent that may leave, maybe more than once: it must not send anything.
    """


@hookspec
def scope_exit(scope: Scope, error: BaseException | None) -> Exit | None:
    """Say once, when the scope's block has ended, whether its intents may leave.

    `Exit.DISCARD` outranks `Exit.FLUSH`; where all are silent, `scope.should_flush(error)` says.
    """
