"""The real wheels, in a clean environment outside the checkout, do what the README says."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import textwrap
import zipfile
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import distribution
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
PLUGINS = sorted(path.parent for path in ROOT.glob("plugins/*/pyproject.toml"))
SAMPLES = sorted(path.parent for path in ROOT.glob("examples/plugins/*/pyproject.toml"))


class Environment(NamedTuple):
    """A clean environment, and an empty directory to work in."""

    python: Path
    directory: Path

    def run(self, *command: str | Path, **variables: str) -> str:
        """Run a command of the environment, or its `python`, and return what it prints."""
        program, *arguments = map(str, command)
        run = subprocess.run(
            [str(self.python.with_name(program)), *arguments],
            cwd=self.directory,
            env={**_clean(), **variables},
            capture_output=True,
            text=True,
        )
        assert run.returncode == 0, run.stdout + run.stderr
        return run.stdout

    def run_program(self, program: str, **variables: str) -> str:
        """Run a Python program in it, with warnings as errors, and return what it prints."""
        path = self.directory / "program.py"
        path.write_text(textwrap.dedent(program))
        return self.run("python", "-W", "error", path, **variables)


def _clean() -> dict[str, str]:
    """This process's environment variables, without what would point back here."""
    ours = ("AIRLOCK", "COVERAGE", "DJANGO", "PYTEST", "PYTHON", "VIRTUAL_ENV")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


def _check(*command: str | Path) -> None:
    run = subprocess.run(list(map(str, command)), env=_clean(), capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr


def _build(project: Path, wheels: Path) -> None:
    # No isolation: hatchling is here, and an isolated build would fetch it once per project.
    build = (sys.executable, "-m", "build", "--wheel", "--no-isolation")
    _check(*build, "--outdir", wheels, project)


def _repack(name: str, wheels: Path) -> None:
    """Make a wheel of an installed pure Python distribution, so that no index is needed."""
    installed = distribution(name)
    left_out = ("INSTALLER", "REQUESTED", "direct_url.json")
    with zipfile.ZipFile(wheels / f"{name}-{installed.version}-py3-none-any.whl", "w") as wheel:
        for file in installed.files or ():
            if file.suffix != ".pyc" and file.name not in left_out and ".." not in file.parts:
                wheel.write(str(file.locate()), str(file))


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the wheels of the core, of every plugin and sample, and of pluggy."""
    wheels = tmp_path_factory.mktemp("wheels")
    _repack("pluggy", wheels)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda project: _build(project, wheels), [ROOT, *PLUGINS, *SAMPLES]))
    return wheels


@pytest.fixture(scope="module")
def environment(wheels: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """An environment with these wheels and nothing else: no queue and no framework."""
    directory = tmp_path_factory.mktemp("environment")
    _check(sys.executable, "-m", "venv", "--without-pip", directory / "venv")
    python = directory / "venv" / "bin" / "python"
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", python)
    install = (*pip, "install", "--quiet", "--no-index", "--find-links", wheels)
    _check(*install, "airlock-core", *(sample.name for sample in SAMPLES))
    # Celery and Django stay out: an installed plugin must do without what it is for.
    _check(*install, "--no-deps", *(plugin.name for plugin in PLUGINS))
    work = directory / "work"
    work.mkdir()
    return Environment(python, work)


def test_the_core_needs_pluggy_alone(environment):
    """Installing the core and the samples brings pluggy, and nothing that is not ours."""
    names = environment.run_program(
        """
        from importlib.metadata import distributions
        print(*sorted(distribution.metadata["Name"] for distribution in distributions()))
        """
    ).split()

    assert {name for name in names if not name.startswith("airlock-")} == {"pluggy"}
    expected = {path.name.replace("_", "-") for path in (*PLUGINS, *SAMPLES)}
    assert set(names) == {"airlock-core", "pluggy", *expected}


def test_nothing_comes_from_the_checkout(environment):
    """What is imported lies in the environment."""
    path = environment.run_program("import airlock, airlock_core; print(airlock_core.__file__)")

    assert path.startswith(str(environment.python.parents[1]))


def test_the_readmes_first_example_runs(environment):
    """It prints what the README says that it prints, with the samples left out and without."""
    section = (ROOT / "README.md").read_text().partition("## A first example")[2]
    example = re.search(r"```python\n(.*?)```\n", section, re.DOTALL)
    expected = re.search(r"```text\n(.*?)```\n", section, re.DOTALL)
    assert example is not None
    assert expected is not None

    everyday = ",".join(DAYS)
    for variables in ({"AIRLOCK_PLUGINS": ""}, {"AIRLOCK_QUIET_TASKS": "other"}):
        printed = environment.run_program(example[1], **variables, AIRLOCK_QUIET_DAYS=everyday)
        assert printed == expected[1]


def test_every_plugin_is_listed(environment):
    """`airlock plugins` shows each with its distribution, version and hooks, and none failed."""
    report = json.loads(environment.run("airlock", "plugins", "--json"))
    listed = {plugin["name"]: plugin for plugin in report["plugins"]}

    assert report["failures"] == []
    assert {"celery", "django", "file", "quiet_hours"} <= set(listed)
    assert listed["quiet_hours"] == {
        "name": "quiet_hours",
        "distribution": "airlock-quiet-hours",
        "version": "0.1.0",
        "executor": False,
        "hooks": ["intent_created", "policy_check"],
    }
    assert listed["file"] == {
        "name": "file",
        "distribution": "airlock-file",
        "version": "0.1.0",
        "executor": True,
        "hooks": [],
    }


def test_the_table_for_people_says_the_same(environment):
    """Each sample has a line with its distribution, version and hooks."""
    lines = {line.split()[0]: line for line in environment.run("airlock", "plugins").splitlines()}

    assert lines["file"].split() == ["file", "airlock-file", "0.1.0", "yes"]
    assert re.split(r"  +", lines["quiet_hours"]) == [
        "quiet_hours",
        "airlock-quiet-hours",
        "0.1.0",
        "intent_created, policy_check",
    ]


def test_the_module_is_the_command(environment):
    """`python -m airlock plugins` prints the same."""
    command = environment.run("airlock", "plugins")

    assert environment.run("python", "-m", "airlock", "plugins") == command


def test_an_intent_goes_to_a_file(environment):
    """`scope(executor="file")` finds the executor by its entry point, and it writes."""
    path = environment.directory / "intents.jsonl"

    environment.run_program(
        """
        import airlock

        def refund(order_id, reason):
            raise AssertionError("it was to be written, not run")

        with airlock.scope(executor="file"):
            intent = airlock.enqueue(refund, 7, reason="broken")
        print(intent.id)
        """,
        AIRLOCK_FILE=str(path),
    )

    [line] = path.read_text().splitlines()
    entry = json.loads(line)
    assert (entry["task"], entry["args"], entry["kwargs"]) == (
        "__main__.refund",
        [7],
        {"reason": "broken"},
    )


DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
SEND = """
    import airlock

    def send_email(to):
        print("sent to", to)

    with airlock.scope() as scope:
        airlock.enqueue(send_email, "ann@example.org")
    print(scope.intents[0].outcome)
"""


def test_the_installed_policy_denies(environment):
    """On its quiet days, nothing has to be written in the program for e-mail to stay."""
    printed = environment.run_program(SEND, AIRLOCK_QUIET_DAYS=",".join(DAYS))

    assert printed.startswith("denied by QuietHours: quiet hours:")


def test_the_policy_denies_on_a_saturday(environment):
    """With a clock that says Saturday it denies, and with one that says Monday it does not."""
    printed = environment.run_program(
        """
        from datetime import datetime

        import airlock
        from airlock_quiet_hours import QuietHours

        def send_email(to):
            print("sent to", to)

        for day in (3, 5):
            quiet = QuietHours(clock=lambda: datetime(2026, 1, day, 12, 0))
            with airlock.scope(policy=quiet) as scope:
                airlock.enqueue(send_email, "ann@example.org")
            print(scope.intents[0].outcome)
        """,
        AIRLOCK_QUIET_TASKS="other",
    )

    assert printed.splitlines() == [
        "denied by QuietHours: quiet hours: __main__.send_email does not leave on a sat",
        "sent to ann@example.org",
        "dispatched",
    ]


@pytest.mark.parametrize("choice", ["", "no:quiet_hours", "file"])
def test_the_environment_disables_a_plugin(environment, choice):
    """What `AIRLOCK_PLUGINS` leaves out judges nothing."""
    printed = environment.run_program(
        SEND, AIRLOCK_PLUGINS=choice, AIRLOCK_QUIET_DAYS=",".join(DAYS)
    )

    assert printed.splitlines() == ["sent to ann@example.org", "dispatched"]


def _ours(wheels: Path) -> list[Path]:
    found = list(wheels.glob("airlock_*.whl"))
    assert len(found) == len([ROOT, *PLUGINS, *SAMPLES])
    return found


def test_a_wheel_is_typed(wheels):
    """Each of our wheels has its py.typed, so that type checkers read its annotations."""
    for wheel in _ours(wheels):
        names = zipfile.ZipFile(wheel).namelist()
        packages = {name.partition("/")[0] for name in names if name.endswith("/__init__.py")}
        top = {name for name in packages if f"{name}/__init__.py" in names}
        assert top
        assert all(f"{name}/py.typed" in names for name in top), wheel.name


def test_a_wheel_has_its_licence(wheels):
    """Each of our wheels carries the text of the licence, whoever unpacks it."""
    text = (ROOT / "LICENSE").read_bytes()
    for path in _ours(wheels):
        with zipfile.ZipFile(path) as wheel:
            licences = [name for name in wheel.namelist() if name.endswith("/licenses/LICENSE")]
            assert [wheel.read(name) for name in licences] == [text], path.name
