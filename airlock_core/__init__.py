"""airlock: side effects leave only when the work that asked for them has succeeded.

The same names as `import airlock`, for who installs the library by its distribution's name.
"""

from types import FunctionType

from airlock_core.configuration import configure, get_configuration, reset_configuration
from airlock_core.context import carry, get_current_scope, policy
from airlock_core.decorators import scoped
from airlock_core.doors import Planned
from airlock_core.entry import enqueue, scope
from airlock_core.errors import (
    AirlockError,
    ConfigurationError,
    DispatchError,
    ExecutorError,
    FlushLoopError,
    IntentError,
    NoScopeError,
    PluginError,
    PluginWarning,
    PolicyEnqueueError,
    PolicyViolation,
    ScopeStateError,
    VerdictError,
)
from airlock_core.executors import Executor, ExecutorWrapper, sync_executor
from airlock_core.findings import Finding
from airlock_core.hookspecs import hookimpl
from airlock_core.intents import Hold, Intent
from airlock_core.observing import Observer
from airlock_core.outcomes import Deny, Exit, Failure, Outcome, Phase, State
from airlock_core.plugins import register, unregister
from airlock_core.policies import (
    AllowAll,
    AllowTasks,
    AssertNoEffects,
    BlockTasks,
    CompositePolicy,
    Deduplicate,
    DropAll,
    LogOnFlush,
    MaxIntents,
    Policy,
)
from airlock_core.propagation import Propagator, received
from airlock_core.scopes import Scope

__version__ = "0.1.0"

__all__ = [
    "AirlockError",
    "AllowAll",
    "AllowTasks",
    "AssertNoEffects",
    "BlockTasks",
    "CompositePolicy",
    "ConfigurationError",
    "Deduplicate",
    "Deny",
    "DispatchError",
    "DropAll",
    "Executor",
    "ExecutorError",
    "ExecutorWrapper",
    "Exit",
    "Failure",
    "Finding",
    "FlushLoopError",
    "Hold",
    "Intent",
    "IntentError",
    "LogOnFlush",
    "MaxIntents",
    "NoScopeError",
    "Observer",
    "Outcome",
    "Phase",
    "Planned",
    "PluginError",
    "PluginWarning",
    "Policy",
    "PolicyEnqueueError",
    "PolicyViolation",
    "Propagator",
    "Scope",
    "ScopeStateError",
    "State",
    "VerdictError",
    "carry",
    "configure",
    "enqueue",
    "get_configuration",
    "get_current_scope",
    "hookimpl",
    "policy",
    "received",
    "register",
    "reset_configuration",
    "scope",
    "scoped",
    "sync_executor",
    "unregister",
]

# Tracebacks and reprs name what people import: airlock.NoScopeError.
for _public in map(globals().get, __all__):
    if isinstance(_public, type | FunctionType):
        _public.__module__ = "airlock"
