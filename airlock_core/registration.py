"""What must hold of a plugin before it is registered: mistakes that would otherwise be silent."""

from __future__ import annotations

import inspect
from difflib import get_close_matches
from typing import Any

import pluggy

from airlock_core.calls import is_coroutine_function
from airlock_core.errors import PluginError
from airlock_core.hooks import NAMES
from airlock_core.names import name_of
from airlock_core.observing import Observer


def check_plugin(plugin: object, manager: pluggy.PluginManager) -> None:
    """Raise `PluginError` where a plugin cannot work.

    A class instead of an instance, a misspelt hook or argument, an `async def`, a hook without
    `@hookimpl`, nothing that airlock would ever call.
    """
    name = getattr(plugin, "__name__", repr(plugin))
    if isinstance(plugin, type):
        name = name_of(plugin)
    if plugin is None:
        raise PluginError("None is no plugin. Give a module or an object with @hookimpl functions.")
    if isinstance(plugin, type):
        raise PluginError(f"{name} is a class. Register an instance: register({name}()).")
    found = False
    for attribute in dir(plugin):
        options = manager.parse_hookimpl_opts(plugin, attribute)
        if options is None:
            if attribute in NAMES and inspect.isroutine(getattr(plugin, attribute, None)):
                raise PluginError(
                    f"{name}.{attribute} is named like a hook and not marked as one. "
                    "Put @airlock.hookimpl above it, or rename it."
                )
            continue
        found = True
        hook = options.get("specname") or attribute
        function = getattr(plugin, attribute)
        if hook not in NAMES:
            close = get_close_matches(hook, NAMES, n=1)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            raise PluginError(
                f"{name}.{attribute} implements the hook {hook!r}, which does not exist.{hint} "
                f"The hooks are: {', '.join(NAMES)}."
            )
        if is_coroutine_function(function) or inspect.isasyncgenfunction(function):
            raise PluginError(
                f"{name}.{attribute} is an `async def`, and a hook is called without await. "
                "Make it a plain `def`."
            )
        _check_arguments(name, attribute, function, getattr(manager.hook, hook).spec.argnames)
    if not found and not callable(plugin) and not isinstance(plugin, Observer):
        raise PluginError(
            f"{name} implements no hook, is no executor and no Observer: it would never be called. "
            f"Mark its functions with @airlock.hookimpl; the hooks are: {', '.join(NAMES)}."
        )


def _check_arguments(name: str, attribute: str, function: Any, known: tuple[str, ...]) -> None:
    """Hold the arguments to the specification: one with a default would be ignored in silence."""
    for argument in inspect.signature(function).parameters.values():
        if argument.kind in (argument.VAR_POSITIONAL, argument.VAR_KEYWORD):
            raise PluginError(
                f"{name}.{attribute} takes {argument}, which no hook is called with. "
                f"Name the arguments that it needs: {', '.join(known)}."
            )
        if argument.name not in known:
            close = get_close_matches(argument.name, known, n=1)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            raise PluginError(
                f"{name}.{attribute} takes the argument {argument.name!r}, which its hook does not "
                f"have.{hint} It has: {', '.join(known)}."
            )
        if argument.default is not argument.empty or argument.kind is argument.KEYWORD_ONLY:
            raise PluginError(
                f"{name}.{attribute} takes {str(argument)!r} by keyword or with a default, and a "
                f"hook would never give it. Take it plainly: {attribute}({', '.join(known)})."
            )
