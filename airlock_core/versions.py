"""Versions: whether an installed one is what a distribution requires.

The core depends on pluggy alone, so it reads the plain part of the grammar by itself. What it
cannot read (markers, addresses, other operators) it leaves to the installer.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import zip_longest

_REQUIREMENT = re.compile(
    r"(?P<name>[A-Za-z0-9][\w.-]*)\s*(?:\[[^]]*\])?\s*\(?(?P<specifiers>[^;@()]*)\)?\s*"
)
_SPECIFIER = re.compile(r"(>=|<=|==|!=|>|<)\s*([^\s*]+?)(\.\*)?")
_VERSION = re.compile(r"v?(?:\d+!)?(\d+(?:\.\d+)*)[-_.]?(a|b|c|rc|alpha|beta|pre|preview|dev)?.*")


@dataclass(frozen=True)
class Requirement:
    """What a distribution requires of another.

    Attributes:
        name: the name of the other.
        text: the requirement as it was written.
        specifiers: operator, version, and whether that version ends with `.*`.
    """

    name: str
    text: str
    specifiers: tuple[tuple[str, str, bool], ...]

    def allows(self, version: str) -> bool:
        """Whether an installed version serves."""
        return all(_holds(version, *specifier) for specifier in self.specifiers)


def requirement(text: str) -> Requirement | None:
    """Read a requirement as in a distribution's metadata; None where it cannot be read."""
    found = _REQUIREMENT.fullmatch(text.strip())
    if found is None:
        return None
    specifiers = []
    for word in filter(None, map(str.strip, found["specifiers"].split(","))):
        specifier = _SPECIFIER.fullmatch(word)
        if specifier is None or not _VERSION.fullmatch(specifier[2]):
            return None
        specifiers.append((specifier[1], specifier[2], specifier[3] is not None))
    return Requirement(found["name"], text, tuple(specifiers))


def normalized(name: str) -> str:
    """Return the one spelling of a distribution's name."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _holds(installed: str, operator: str, wanted: str, any_after: bool) -> bool:
    """Whether `installed operator wanted`, `any_after` where that ends with `.*`."""
    if not _VERSION.fullmatch(installed):
        return True
    (have, have_early), (want, want_early) = _read(installed), _read(wanted)
    pairs = list(zip_longest(have, want, fillvalue=0))
    if any_after:
        same = all(a == b for a, b in pairs[: len(want)])
        return same if operator == "==" else not same
    left = ([a for a, _ in pairs], not have_early)
    right = ([b for _, b in pairs], not want_early)
    return {
        ">=": left >= right,
        "<=": left <= right,
        ">": left > right,
        # 2.0rc1 is not what `<2.0` means.
        "<": left < right and (left[0] != right[0] or want_early),
        "==": left == right,
        "!=": left != right,
    }[operator]


def _read(version: str) -> tuple[list[int], bool]:
    """Return the numbers of a version, and whether it comes before its release."""
    found = _VERSION.fullmatch(version)
    assert found is not None  # asked for before
    return [int(number) for number in found[1].split(".")], found[2] is not None
