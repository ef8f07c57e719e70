"""The environment: variables and plugin names that were probably meant otherwise."""

from __future__ import annotations

import os
from collections.abc import Iterator
from difflib import get_close_matches

from airlock_core import loading
from airlock_core.findings import Finding

_KNOWN = ("AIRLOCK_PLUGINS", "AIRLOCK_REQUIRE")


def examine() -> Iterator[Finding]:
    """Examine the variables of this process, and what `AIRLOCK_PLUGINS` says."""
    for name in sorted(os.environ):
        # A plugin may have variables of its own: only what resembles one of ours is a mistake.
        close = get_close_matches(name.upper(), _KNOWN, n=1, cutoff=0.8)
        if close and name not in _KNOWN:
            yield Finding(
                "airlock.core.W001",
                "warning",
                f"The environment variable {name} is set, and nothing reads it.",
                f"Did you mean {close[0]}?",
            )
    installed = {plugin.name for plugin in loading.installed()}
    for word in loading.unknown(installed, loading.choice()):
        close = get_close_matches(word, installed, n=1)
        yield Finding(
            "airlock.core.W002",
            "warning",
            f"AIRLOCK_PLUGINS names {word!r}, which is not installed.",
            f"Did you mean {close[0]!r}?"
            if close
            else f"Take it out. Installed are: {', '.join(sorted(installed)) or 'none'}.",
        )
