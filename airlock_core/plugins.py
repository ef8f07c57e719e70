"""The plugin manager: loads what is installed, registers what the application gives it."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pluggy

from airlock_core import configuration, hookspecs, loading
from airlock_core.errors import ConfigurationError, PluginError, PluginWarning
from airlock_core.executors import Executor, async_executor, sync_executor
from airlock_core.hooks import Hooks, stamp
from airlock_core.hookspecs import hookimpl
from airlock_core.registration import check_plugin

if TYPE_CHECKING:
    from airlock_core.intents import Intent
    from airlock_core.scopes import Scope


class _Manager(pluggy.PluginManager):
    """Pluggy's manager, which also knows whether somebody watches its calls."""

    monitors = 0
    changed: Callable[[], None]

    def add_hookcall_monitoring(self, before: Any, after: Any) -> Callable[[], None]:
        """Count the monitors, since flattened hooks would go past them."""
        undo = super().add_hookcall_monitoring(before, after)
        self.monitors += 1
        self.changed()

        def undo_and_count() -> None:
            undo()
            self.monitors -= 1
            self.changed()

        return undo_and_count


class _Explicit:
    """The core's own first answer to `dispatch`: the explicit or the configured executor."""

    @hookimpl(tryfirst=True)
    def dispatch(self, intent: Intent) -> Callable[[Intent], object] | None:
        return explicit_executor(intent)


class _Inline:
    """The core's own last answer to `dispatch`: run it here."""

    @hookimpl(trylast=True)
    def dispatch(self) -> Callable[[Intent], object]:
        return sync_executor


def explicit_executor(intent: Intent) -> Callable[[Intent], object] | None:
    """Return the nearest enclosing scope's executor, or the configured one."""
    executor = intent.scope.executor
    return configuration.current.executor if executor is None else executor


class Plugins:
    """All plugins of a process, and the flattened hooks.

    Attributes:
        hooks: what to call at each hook.
        failures: the installed plugins that were left out, and why.
        installed: the installed plugins that were loaded, by name.
    """

    CORE = frozenset({"airlock: explicit", "airlock: inline"})

    def __init__(self) -> None:
        """Start empty; nothing is loaded before it is needed."""
        self.hooks = Hooks()
        self._lock = threading.RLock()
        self._reset()

    def _reset(self) -> None:
        self.loaded = False
        self.failures: list[loading.PluginFailure] = []
        self.installed: dict[str, loading.Installed] = {}
        self._core: list[tuple[object, str]] = [
            (_Explicit(), "airlock: explicit"),
            (_Inline(), "airlock: inline"),
        ]
        self.pluggy = _Manager("airlock")
        self.pluggy.changed = self._flatten
        self.pluggy.add_hookspecs(hookspecs)
        for plugin, name in self._core:
            self.pluggy.register(plugin, name)
        self._flatten()

    def _flatten(self) -> None:
        self.hooks.flatten(self.pluggy, self.pluggy.monitors > 0, set(self.CORE))

    def load(self) -> None:
        """Load the installed plugins, once per process.

        Raises:
            PluginError: a required plugin is missing or failed.
        """
        if self.loaded:
            return
        with self._lock:
            if self.loaded:
                return
            self._load_installed()
            self.require((*loading.required(), *configuration.current.require))
            self.loaded = True

    def _load_installed(self) -> None:
        """Load each entry point in its own `try`; the first by name is asked first."""
        found = loading.installed()
        chosen = set(loading.selected({plugin.name for plugin in found}, loading.choice()))
        candidates: dict[str, loading.Installed] = {}
        for plugin in found:
            if plugin.name not in chosen or plugin.name in self.installed:
                continue
            if plugin.name in candidates:
                first = candidates[plugin.name].distribution
                message = f"{first} has a plugin of that name already; uninstall one of the two"
                self._left_out(plugin, PluginError(message))
                continue
            candidates[plugin.name] = plugin
        for name in sorted(candidates, reverse=True):
            if self.pluggy.has_plugin(name) or any(f.name == name for f in self.failures):
                continue
            try:
                self._register(candidates[name].load(), name)
                self.installed[name] = candidates[name]
            except Exception as error:
                self._left_out(candidates[name], error)

    def _left_out(self, plugin: loading.Installed, error: Exception) -> None:
        failure = loading.PluginFailure(plugin.name, plugin.distribution, error)
        self.failures.append(failure)
        warnings.warn(
            f"airlock left out {failure}. Fix or uninstall {plugin.distribution}, or set "
            f"AIRLOCK_PLUGINS=no:{plugin.name}.",
            PluginWarning,
            stacklevel=2,
        )

    def require(self, names: Iterable[str]) -> None:
        """Raise `PluginError` unless each of these plugins is loaded."""
        for name in names:
            with self._lock:
                if not self.loaded and not self.pluggy.has_plugin(name):
                    self._load_installed()
            if self.pluggy.has_plugin(name):
                continue
            failed = next((f for f in self.failures if f.name == name), None)
            reason = f"it failed to load: {failed}" if failed else "it is not installed or not chosen"
            raise PluginError(
                f"the required plugin {name!r} is missing: {reason}. Install it, look at "
                "AIRLOCK_PLUGINS, or take it out of AIRLOCK_REQUIRE and configure(require=...)."
            ) from (failed.error if failed else None)

    def register(self, plugin: object, name: str | None = None) -> str:
        """Register a plugin of the application; it is asked before what is installed.

        Args:
            plugin: a module or an object with `@hookimpl` functions, a `Policy`, or an executor.
            name: its name; by default that of the module or class.

        Returns:
            The name.

        Raises:
            PluginError: it cannot work (the message says why), or it is registered already.
        """
        self.load()
        with self._lock:
            return self._register(plugin, name)

    def _register(self, plugin: object, name: str | None) -> str:
        check_plugin(plugin, self.pluggy)
        chosen = name or self._free_name(plugin)
        try:
            self.pluggy.register(plugin, chosen)
        except (ValueError, pluggy.PluginValidationError) as error:
            raise PluginError(
                f"{chosen!r} cannot be registered: {str(error).splitlines()[0]}"
            ) from error
        for impl in self.pluggy.hook.policy_check.get_hookimpls():
            if impl.plugin is plugin and not (impl.wrapper or impl.hookwrapper):
                stamp(impl)
        self._keep_core_outermost()
        return chosen

    def _free_name(self, plugin: object) -> str:
        name = getattr(plugin, "__name__", None) or type(plugin).__qualname__
        if any(known is plugin for known in self.pluggy.get_plugins()):
            raise PluginError(f"{name} is registered already. Register it once.")
        number, free = 2, name
        while self.pluggy.has_plugin(free):
            number, free = number + 1, f"{name} {number}"
        return free

    def _keep_core_outermost(self) -> None:
        # The last registered `tryfirst` is first and the last `trylast` last: stay both.
        for plugin, name in self._core:
            self.pluggy.unregister(plugin)
            self.pluggy.register(plugin, name)
        self._flatten()

    def unregister(self, plugin: object) -> None:
        """Take a plugin out again, given itself or its name.

        Raises:
            PluginError: it is not registered.
        """
        with self._lock:
            found = self.pluggy.get_plugin(plugin) if isinstance(plugin, str) else plugin
            if not any(known is found for known in self.pluggy.get_plugins()) or found is None:
                raise PluginError(f"{plugin!r} is not registered.")
            self.pluggy.unregister(found)
            self._flatten()

    @contextmanager
    def isolated(self, *, installed: bool = False) -> Iterator[None]:
        """Start empty for the length of a block, then put everything back."""
        with self._lock:
            before = dict(self.__dict__)
            self._reset()
            self.loaded = not installed
        try:
            yield
        finally:
            with self._lock:
                self.__dict__.update(before)
                self._flatten()

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        """List name and plugin, in the order in which they are asked."""
        names = [(name, plugin) for name, plugin in self.pluggy.list_name_plugin() if plugin]
        return iter([pair for pair in reversed(names) if pair[0] not in self.CORE])

    def hooks_of(self, plugin: object) -> list[str]:
        """Name the hooks that a plugin implements."""
        return [caller.name for caller in self.pluggy.get_hookcallers(plugin) or []]

    def executor_named(self, name: str) -> Callable[[Intent], Any]:
        """Return the executor that a plugin is.

        Raises:
            ConfigurationError: there is none of that name; the message lists those there are.
        """
        self.load()
        plugin = self.pluggy.get_plugin(name)
        if name == "sync":
            return sync_executor
        if callable(plugin):
            executor: Callable[[Intent], Any] = plugin
            return executor
        known = sorted(["sync", *(known for known, plugin in self if callable(plugin))])
        raise ConfigurationError(
            f"no installed plugin is an executor named {name!r}. There are: {', '.join(known)}. "
            f"Install its distribution (pip install airlock-{name}?)."
        )

    def members(self, task: Any) -> Iterator[Any]:
        """Yield a task and every task inside it: partials, and the canvases of the queues."""
        yield task
        inner: Iterable[Any] | None = None
        function = getattr(task, "func", None)
        if function is not None and hasattr(task, "keywords"):
            inner = (function,)
        else:
            for _, plugin in self:
                if isinstance(plugin, Executor):
                    inner = plugin.members(task)
                    if inner is not None:
                        break
        for member in inner or ():
            yield from self.members(member)

    def choose(self, intent: Intent, scope: Scope) -> Callable[[Intent], Any]:
        """Choose the executor of an intent; the first match wins.

        Raises:
            PluginError: a plugin's `dispatch` returned something that is no executor.
        """
        hooks = self.hooks
        chosen: Any = None
        name = "airlock"
        if not hooks.wrapped_dispatch:
            chosen = explicit_executor(intent)
        if chosen is None:
            for name, function in hooks.dispatch:
                chosen = function(intent, scope)
                if chosen is not None:
                    break
            else:
                chosen = sync_executor
        if not callable(chosen) or hasattr(chosen, "__await__"):
            raise PluginError(
                f"the dispatch hook of {name} returned {chosen!r}, which is no executor. "
                "Return a callable that takes an intent, or None."
            )
        if chosen is sync_executor and intent.scope.root.is_async and intent.is_coroutine:
            return async_executor
        executor: Callable[[Intent], Any] = chosen
        return executor


manager = Plugins()


def register(plugin: object, name: str | None = None) -> str:
    """Register a plugin process-wide; see `Plugins.register`.

    Args:
        plugin: a module or an object with `@hookimpl` functions, a `Policy`, or an executor.
        name: its name; by default that of the module or class.

    Returns:
        The name.

    Raises:
        PluginError: it cannot work, and why.
    """
    return manager.register(plugin, name)


def unregister(plugin: object) -> None:
    """Take a plugin out again, given itself or its name.

    Raises:
        PluginError: it is not registered.
    """
    manager.unregister(plugin)


