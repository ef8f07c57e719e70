"""The plugin manager: loads what is installed, registers what the application gives it."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import pluggy

from airlock_core import configuration, hookspecs, loading, observing
from airlock_core.choosing import Explicit, Inline, choose, explicit_executor
from airlock_core.errors import ConfigurationError, PluginError, PluginWarning
from airlock_core.executors import Executor, sync_executor
from airlock_core.hooks import Hooks, stamp
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


class Plugins:
    """All plugins of a process, and the flattened hooks.

    Attributes:
        hooks: what to call at each hook.
        failures: the installed plugins that were left out, and why.
        installed: the installed plugins that were loaded, by name.
        executors: the plugins that are executors, in the order in which they are asked.
    """

    CORE = frozenset({"airlock: explicit", "airlock: inline"})

    def __init__(self) -> None:
        """Start empty; nothing is loaded before it is needed."""
        self.hooks = Hooks()
        self.lock = threading.RLock()
        self._reset()

    def _reset(self) -> None:
        self.loaded = False
        self._loading = False
        self.failures: list[loading.PluginFailure] = []
        self.installed: dict[str, loading.Installed] = {}
        self._complaints: list[str] = []
        self._told: set[str] = set()
        self._core: list[tuple[object, str]] = [
            (Explicit(), "airlock: explicit"),
            (Inline(), "airlock: inline"),
        ]
        self.pluggy = _Manager("airlock")
        self.pluggy.changed = self._flatten
        self.pluggy.add_hookspecs(hookspecs)
        for plugin, name in self._core:
            self.pluggy.register(plugin, name)
        self._flatten()

    def _flatten(self) -> None:
        self.hooks.flatten(self.pluggy, self.pluggy.monitors > 0, set(self.CORE), self.lock)
        # Asked for with each id: 5 µs less than to ask pluggy for its plugins, with seven of them.
        self.executors = tuple(plugin for _, plugin in self if isinstance(plugin, Executor))
        self._choosers = tuple(
            executor
            for executor in self.executors
            if getattr(executor.given_id, "__func__", None) is not Executor.given_id
        )
        observing.watch(plugin for _, plugin in self)

    def load(self) -> None:
        """Load the installed plugins, once per process.

        Raises:
            PluginError: a required plugin is missing or failed.
        """
        if self.loaded:
            return
        with self.lock:
            if self.loaded or self._loading:  # a plugin's own module may use airlock
                return
            self._load_installed()
            self.require((*loading.required(), *configuration.current.require))
            self.loaded = True

    def _load_installed(self) -> None:
        """Load each entry point in its own `try`; the first by name is asked first."""
        self._loading = True
        try:
            for plugin in reversed(self._candidates()):
                if self.pluggy.has_plugin(plugin.name):
                    continue
                try:
                    self._register(plugin.load(), plugin.name)
                    self.installed[plugin.name] = plugin
                except Exception as error:
                    self._left_out(plugin, error)
        finally:
            self._loading = False

    def _candidates(self) -> list[loading.Installed]:
        """List what is installed and chosen, in order, without what was left out before."""
        found = loading.installed()
        names = {plugin.name for plugin in found}
        chosen = set(loading.selected(names, loading.choice()))
        for word in loading.unknown(names, loading.choice()):
            self._complaints.append(
                f"AIRLOCK_PLUGINS names {word!r}, which is not installed. "
                f"Installed are: {', '.join(sorted(names)) or 'none'}."
            )
        failed = {(failure.name, failure.distribution) for failure in self.failures}
        candidates: dict[str, loading.Installed] = {}
        for plugin in found:
            if plugin.name not in chosen:
                continue
            first = candidates.setdefault(plugin.name, plugin)
            if first is not plugin and (plugin.name, plugin.distribution) not in failed:
                message = (
                    f"{first.distribution} has a plugin of that name already; "
                    "uninstall one of the two"
                )
                self._left_out(plugin, PluginError(message))
        return [c for c in candidates.values() if (c.name, c.distribution) not in failed]

    def _left_out(self, plugin: loading.Installed, error: Exception) -> None:
        failure = loading.PluginFailure(plugin.name, plugin.distribution, error)
        self.failures.append(failure)
        self._complaints.append(
            f"airlock left out {failure}. Fix or uninstall {plugin.distribution}, or set "
            f"AIRLOCK_PLUGINS=no:{plugin.name}."
        )

    def require(self, names: Iterable[str]) -> None:
        """Raise `PluginError` unless each of these plugins is loaded."""
        try:
            for name in names:
                self._require(name)
        finally:
            self._complain()

    def _complain(self) -> None:
        """Warn of what was left out, once, and after all is loaded: a warning may be an error."""
        complaints, self._complaints = self._complaints, []
        for complaint in complaints:
            if complaint not in self._told:
                self._told.add(complaint)
                warnings.warn(complaint, PluginWarning, stacklevel=3)

    def _require(self, name: str) -> None:
        with self.lock:
            if not self.loaded and not self.pluggy.has_plugin(name):
                self._load_installed()
        if self.pluggy.has_plugin(name):
            return
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
        with self.lock:
            return self._register(plugin, name)

    def _register(self, plugin: object, name: str | None) -> str:
        check_plugin(plugin, self.pluggy)
        for known_name, known in self.pluggy.list_name_plugin():
            if known is not plugin and (known == plugin or plugin == known):
                raise PluginError(
                    f"{plugin!r} compares equal to {known_name!r}, which is registered, so the two "
                    "could not be told apart. Compare by identity: @dataclass(eq=False), or no "
                    "__eq__."
                )
        chosen = name or self._free_name(plugin)
        try:
            self.pluggy.register(plugin, chosen)
        except (ValueError, pluggy.PluginValidationError) as error:
            if self.pluggy.get_plugin(chosen) is plugin:  # half registered is not registered
                self.pluggy.unregister(name=chosen)
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
        if any(known is plugin for _, known in self.pluggy.list_name_plugin()):
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
        with self.lock:
            for name, known in self.pluggy.list_name_plugin():
                if known is plugin or (isinstance(plugin, str) and name == plugin):
                    break
            else:
                raise PluginError(f"{plugin!r} is not registered. Look at `airlock plugins`.")
            self.pluggy.unregister(name=name)
            self._flatten()

    @contextmanager
    def isolated(self, *, installed: bool = False) -> Iterator[None]:
        """Start empty for the length of a block, then put everything back."""
        with self.lock:
            before = dict(self.__dict__)
            self._reset()
            self.loaded = not installed
        try:
            yield
        finally:
            with self.lock:
                self.__dict__.update(before)
                self._flatten()

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        """List name and plugin, in the order in which they are asked."""
        names = [
            (name, plugin) for name, plugin in self.pluggy.list_name_plugin() if plugin is not None
        ]
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

    def members(self, task: Any, options: Mapping[str, Any] | None = None) -> Iterator[Any]:
        """Yield a task and every task inside it: partials, and the canvases of the queues.

        Args:
            task: the task.
            options: its dispatch options, which may carry further tasks along.
        """
        yield task
        inner: Iterable[Any] | None = None
        if isinstance(task, partial):
            inner = (task.func,)
        else:
            for executor in self.executors:
                inner = executor.members(task)
                if inner is not None:
                    break
        for member in inner or ():
            yield from self.members(member)
        if options:
            for executor in self.executors:
                for linked in executor.linked(options):
                    yield from self.members(linked)

    def given_id(self, intent: Intent) -> str | None:
        """Return the id that the caller chose for the message of an intent, or None."""
        explicit = explicit_executor(intent)
        for executor in self._choosers if explicit is None else (explicit,):
            given = executor.given_id(intent) if isinstance(executor, Executor) else None
            if given is not None:
                return given
        return None

    def choose(self, intent: Intent, scope: Scope) -> Callable[[Intent], Any]:
        """Choose the executor of an intent; see `airlock_core.choosing`."""
        return choose(self.hooks, intent, scope)


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
