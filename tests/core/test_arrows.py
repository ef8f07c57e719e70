"""The arrows of the repository: which way imports point, and what the public face consists of."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CORE = sorted((ROOT / "airlock_core").rglob("*.py"))
FACE = sorted((ROOT / "airlock").rglob("*.py"))
INTEGRATIONS = sorted((ROOT / "airlock" / "integrations").rglob("*.py"))
RUNS = ROOT / "airlock" / "__main__.py"  # `python -m airlock`: the one file of the face that acts
PLUGINS = sorted(path.parent for path in ROOT.glob("plugins/*/airlock_*/__init__.py"))
PLUGIN_FILES = sorted(path for plugin in PLUGINS for path in plugin.rglob("*.py"))

# What an application brings, and the core and an unused plugin must do without.
QUEUES_AND_FRAMEWORKS = {
    "arq", "celery", "django", "django_q", "django_tasks",
    "django_tasks_db", "dramatiq", "fastapi", "flask", "huey", "kombu",
    "procrastinate", "redis", "rq", "saq", "starlette", "taskiq",
}  # fmt: skip


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), _name(path))


def _imports(path: Path) -> Iterator[str]:
    """The dotted names that a file imports, in its functions and for type checking, too."""
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{_name(path)}:{node.lineno} imports relatively"
            assert node.module is not None
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _packages(path: Path) -> set[str]:
    return {name.partition(".")[0] for name in _imports(path)} - sys.stdlib_module_names


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _is_all(node: ast.stmt) -> bool:
    return isinstance(node, ast.Assign) and [ast.unparse(t) for t in node.targets] == ["__all__"]


def _modules_after(statement: str) -> set[str]:
    """The modules that a statement imports in a fresh interpreter."""
    program = (
        f"import sys; before = set(sys.modules); {statement}; print(*set(sys.modules) - before)"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return set(run.stdout.split())


def test_there_is_something_to_hold():
    """The core, the face, its integrations and the plugins are where these tests look for them."""
    assert CORE
    assert INTEGRATIONS
    assert PLUGINS


@pytest.mark.parametrize("path", CORE, ids=_name)
def test_the_core_depends_on_pluggy_alone(path):
    """The core imports itself, pluggy and the standard library; what serves pytest, also pytest."""
    allowed = {"airlock_core", "pluggy"}
    if _name(path).startswith(("airlock_core/pytest_plugin", "airlock_core/testing")):
        allowed |= {"pytest", "_pytest"}

    assert _packages(path) <= allowed


@pytest.mark.parametrize("path", CORE, ids=_name)
def test_the_core_names_no_plugin(path):
    """No string in the core is the name of a queue, a framework or a plugin."""
    names = QUEUES_AND_FRAMEWORKS | {plugin.name for plugin in PLUGINS}
    strings = {
        node.value.partition(".")[0]
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " not in node.value
    }

    assert not strings & names


@pytest.mark.parametrize("path", PLUGIN_FILES, ids=_name)
def test_a_plugin_imports_the_core_and_no_other_plugin(path):
    """Imports point from the plugin to the core, never across and never to the integrations."""
    own = path.relative_to(ROOT / "plugins").parts[1]
    ours = {name for name in _packages(path) if name.startswith("airlock")}

    assert ours <= {own, "airlock", "airlock_core"}
    assert not [name for name in _imports(path) if name.startswith("airlock.integrations")]


@pytest.mark.parametrize("path", sorted({*FACE} - {*INTEGRATIONS, RUNS}), ids=_name)
def test_the_face_is_imports_and_all(path):
    """A file of `airlock` has a docstring, imports from the core, `__all__`, and nothing else."""
    body = _tree(path).body
    other = [
        f"line {node.lineno}"
        for node in body
        if not (
            isinstance(node, ast.Import | ast.ImportFrom) or _is_docstring(node) or _is_all(node)
        )
    ]

    assert not other
    assert _packages(path) <= {"airlock", "airlock_core"}


@pytest.mark.parametrize("path", [*CORE, *FACE, *PLUGIN_FILES], ids=_name)
def test_a_file_is_read_in_one_go(path):
    """No shipped file is longer than 400 lines."""
    assert len(path.read_text().splitlines()) <= 400


def test_importing_airlock_costs_little():
    """`import airlock` imports no plugin, queue, framework, asyncio or importlib.metadata."""
    modules = _modules_after("import airlock")

    plugins = {plugin.name for plugin in PLUGINS}
    assert not {name.partition(".")[0] for name in modules} & (QUEUES_AND_FRAMEWORKS | plugins)
    assert not modules & {"asyncio", "importlib.metadata", "airlock.integrations"}


@pytest.mark.parametrize("plugin", PLUGINS, ids=_name)
def test_an_unused_plugin_costs_little(plugin):
    """Importing a plugin imports no queue and no framework: an installed plugin may stay unused."""
    modules = _modules_after(f"import {plugin.name}")

    assert plugin.name in modules
    assert not {name.partition(".")[0] for name in modules} & QUEUES_AND_FRAMEWORKS


def test_every_test_file_is_collected():
    """No two test files have the same name, and none is in a package: pytest could skip one."""
    # What tests import, and what their processes run: packages are among it.
    others = {ROOT / "tests" / "support", ROOT / "tests" / "celery" / "apps"}
    paths = [path for path in (ROOT / "tests").rglob("*.py") if not others & {*path.parents}]
    tests = [path.name for path in paths if path.name.startswith("test_")]

    assert "__init__.py" not in {path.name for path in paths}
    assert len(tests) == len(set(tests))
