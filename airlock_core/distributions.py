"""Installed distributions: versions that do not fit, and two that bring the same package."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, distributions
from importlib.util import find_spec
from pathlib import Path

from airlock_core.findings import Finding
from airlock_core.loading import GROUP
from airlock_core.versions import normalized, requirement

#: The distribution that brings `import airlock`.
OURS = "airlock-core"


def examine() -> Iterator[Finding]:
    """Examine the distributions on the path of this process."""
    known: dict[str, Distribution] = {}
    for distribution in distributions():
        # A distribution can stand on the path twice; the first is the one in use.
        known.setdefault(normalized(distribution.metadata["Name"] or ""), distribution)
    yield from _misfits(known)
    yield from _other_owners(known.values())
    yield from _elsewhere()


def _misfits(known: dict[str, Distribution]) -> Iterator[Finding]:
    """Hold what airlock and its plugins require against what is installed."""
    for name, distribution in sorted(known.items()):
        if name != OURS and not any(e.group == GROUP for e in distribution.entry_points):
            continue
        for text in distribution.requires or ():
            wanted = requirement(text)
            if wanted is None:
                continue
            found = known.get(normalized(wanted.name))
            if found is None or not wanted.allows(found.version):
                has = f"{found.version} is installed" if found else "it is not installed"
                yield Finding(
                    "airlock.core.E003",
                    "error",
                    f"{name} {distribution.version} needs {text}, and {has}.",
                    f"pip install '{text}', or another version of {name}.",
                )


def _other_owners(known: Iterable[Distribution]) -> Iterator[Finding]:
    """Name other distributions whose files are in the package `airlock`."""
    for distribution in known:
        name = normalized(distribution.metadata["Name"] or "")
        files = distribution.files or ()
        if name != OURS and any(str(path) == "airlock/__init__.py" for path in files):
            yield Finding(
                "airlock.core.E004",
                "error",
                f"{name} {distribution.version} brings a package `airlock`, and so does {OURS}: "
                "the one that was installed last has overwritten files of the other.",
                f"pip uninstall {name}, then pip install --force-reinstall {OURS}",
            )


def _elsewhere() -> Iterator[Finding]:
    """Say where `import airlock` finds something else, such as a file of that name."""
    spec = find_spec("airlock")
    found = Path(spec.origin) if spec is not None and spec.origin else None
    expected = Path(__file__).parents[1] / "airlock" / "__init__.py"
    if found is None or not found.exists() or not found.samefile(expected):
        yield Finding(
            "airlock.core.E006",
            "error",
            f"`import airlock` finds {found or 'nothing'}, and not {expected}.",
            "Rename what hides it, or take its folder off sys.path.",
        )
