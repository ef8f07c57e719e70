"""The reference names everything, and says of it what the code says."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from pathlib import Path

import pytest

import airlock
import airlock.testing
from airlock_core import errors, hookspecs
from airlock_core.configuration import Configuration
from airlock_core.executors import CAPABILITIES

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
HOOKS = {
    node.name: node
    for node in ast.parse(inspect.getsource(hookspecs)).body
    if isinstance(node, ast.FunctionDef)
}
ERRORS = [
    name
    for name in airlock.__all__
    if isinstance(getattr(airlock, name), type) and issubclass(getattr(airlock, name), Exception)
]


def _page(name: str) -> str:
    return (REFERENCE / name).read_text()


def _section(page: str, heading: str) -> str:
    """What stands under a heading, up to the next of its level."""
    level = heading.partition(" ")[0]
    assert f"\n{heading}\n" in page
    return page.partition(f"\n{heading}\n")[2].partition(f"\n{level} ")[0]


def _names(text: str) -> set[str]:
    """Every name that stands between backticks, without its arguments."""
    return set(re.findall(r"`([A-Za-z_][\w.]*)", text))


def _table(text: str) -> set[str]:
    """What the first column of the tables names."""
    return set(re.findall(r"^\| `([A-Za-z_][\w.]*)", text, re.MULTILINE))


@pytest.mark.parametrize("hook", HOOKS)
def test_a_hook_is_a_heading_with_its_exact_signature(hook):
    """What a plugin's author copies from the page is what `hookspecs.py` says."""
    node = HOOKS[hook]
    assert node.returns is not None
    signature = f"def {hook}({ast.unparse(node.args)}) -> {ast.unparse(node.returns)}"

    assert f"```py\n{signature}\n```" in _section(_page("hooks.md"), f"## `{hook}`")


def test_there_are_four_hooks():
    """The hooks are found, and the page describes no other."""
    headings = re.findall(r"^## `(\w+)`$", _page("hooks.md"), re.MULTILINE)

    assert headings == list(HOOKS)
    assert len(headings) == 4


@pytest.mark.parametrize("name", airlock.__all__)
def test_a_public_name_is_on_the_page_of_public_names(name):
    """Whatever `import airlock` gives is explained."""
    if name != "__version__":
        assert name in _names(_page("api.md"))


@pytest.mark.parametrize("name", ["enqueue", "scope", "scoped", "policy", "carry", "register"])
def test_a_function_takes_what_its_page_says(name):
    """The arguments on the page of public names are those of the function."""
    row = re.search(rf"^\| `{name}\((.*?)\)`", _page("api.md"), re.MULTILINE)
    assert row is not None
    documented = [re.sub(r"[*]*(\w*).*", r"\1", word) for word in row[1].split(", ")]

    function = getattr(airlock, name)
    assert [word for word in documented if word] == list(inspect.signature(function).parameters)


@pytest.mark.parametrize("name", airlock.testing.__all__)
def test_a_test_helper_is_on_its_page(name):
    """Whatever `airlock.testing` gives is explained."""
    assert name in _page("testing.md")


@pytest.mark.parametrize("name", ERRORS)
def test_an_error_has_a_row(name):
    """Each error says where it is raised, and what to do."""
    page = _page("errors.md")

    if name in ("AirlockError", "PluginWarning"):
        assert name in _names(page)
    else:
        assert name in _table(page)


def test_the_tree_of_errors_is_the_one_in_the_code():
    """The page draws the tree that `errors.py` draws."""
    assert errors.__doc__ is not None
    drawn = re.search(r"^ +AirlockError\n(?: +[├└│].*\n)+", errors.__doc__, re.MULTILINE)
    assert drawn is not None

    assert textwrap.dedent(drawn[0]) in _page("errors.md")


def test_the_settings_of_configure_are_those_of_the_code():
    """`configure()` has a row for each setting, and for no other."""
    section = _section(_page("settings.md"), "## `configure()`")

    assert _table(section) == set(Configuration.__dataclass_fields__)


def test_the_keys_of_airlock_are_those_of_the_code():
    """Django's `AIRLOCK` has a row for each key, and for no other."""
    from airlock_django.settings import DEFAULTS

    section = _section(_page("settings.md"), "## Django's `AIRLOCK`")

    assert _table(section.partition("\n### ")[0]) == set(DEFAULTS)


def test_the_system_checks_are_those_of_the_code():
    """Each check that `manage.py check` makes has a row, and no other."""
    import airlock_django

    sources = Path(inspect.getfile(airlock_django)).parent.rglob("*.py")
    made = {
        found
        for path in sources
        for found in re.findall(r'"(airlock\.[EWI]\d+)"', path.read_text())
    }

    assert _table(_section(_page("settings.md"), "### System checks")) == made


def test_the_capabilities_are_those_of_the_code():
    """Each capability has a row, and no other."""
    assert _table(_section(_page("executors.md"), "## Capabilities")) == set(CAPABILITIES)


@pytest.mark.parametrize(
    ("kind", "page"),
    [
        (airlock.Executor, "executors.md"),
        (airlock.Policy, "policies.md"),
        (airlock.Hold, "api.md"),
        (airlock.testing.RecordingExecutor, "testing.md"),
    ],
)
def test_what_a_class_offers_is_on_its_page(kind, page):
    """Each method and property of a class that users call or override is explained."""
    inherited = {name for base in kind.__mro__[1:] for name in vars(base)}
    offered = {name for name in vars(kind) if not name.startswith("_")} - inherited - set(HOOKS)

    assert offered
    assert offered <= _names(_page(page))


def test_every_ready_policy_has_a_row():
    """Each policy that `import airlock` gives is in the table."""
    ready = {
        name
        for name in airlock.__all__
        if isinstance(getattr(airlock, name), type)
        and issubclass(getattr(airlock, name), airlock.Policy)
        and name != "Policy"
    }

    assert ready <= _table(_page("policies.md"))


def test_every_environment_variable_has_a_row():
    """Each variable that the core reads is on the page."""
    core = Path(inspect.getfile(hookspecs)).parent
    read = {
        name
        for path in core.rglob("*.py")
        for name in re.findall(r'environ(?:\.get\(|\[)"(AIRLOCK_\w+)"', path.read_text())
    }

    assert read
    assert _table(_page("environment.md")) == read
