"""`airlock plugins`, and what is common to the commands."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

import airlock
from airlock_core.cli import main


@pytest.fixture
def site(tmp_path):
    """A folder with a plugin that is an executor, one with a hook, and one that fails."""
    plugins = {
        "carrier": "import airlock\nclass E(airlock.Executor): pass\nplugin = E()",
        "rule": "import airlock\nplugin = airlock.DropAll()",
        "broken": "raise RuntimeError('broken at import')",
    }
    for name, code in plugins.items():
        (tmp_path / f"airlock_{name}.py").write_text(code)
        info = tmp_path / f"airlock_{name}-3.4.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: airlock-{name}\nVersion: 3.4\n"
        )
        (info / "entry_points.txt").write_text(f"[airlock]\n{name} = airlock_{name}:plugin\n")
    return tmp_path


def call(python, site, *words, **environment):
    """Run the command in a fresh process."""
    program = f"import sys; from airlock_core.cli import main; sys.exit(main({list(words)!r}))"
    return python(program, site, **environment)


def test_a_table_of_plugins(python, site):
    """Name, distribution, version, executor or not, hooks; failures below; and the exit code."""
    run = call(python, site, "plugins", AIRLOCK_PLUGINS="carrier,rule,broken")
    assert run.returncode == 1
    assert run.stderr == ""
    lines = [line.split() for line in run.stdout.splitlines()]
    assert lines[0] == ["plugin", "distribution", "version", "executor", "hooks"]
    assert lines[1] == ["carrier", "airlock-carrier", "3.4", "yes"]
    assert lines[2] == ["rule", "airlock-rule", "3.4", "intent_created,", "policy_check"]
    assert "AIRLOCK_PLUGINS=carrier,rule,broken" in run.stdout
    assert "FAILED  broken of airlock-broken: RuntimeError('broken at import')" in run.stdout


def test_the_same_as_json(python, site):
    """--json prints what a program can read."""
    run = call(python, site, "plugins", "--json", AIRLOCK_PLUGINS="carrier,rule,broken")
    report = json.loads(run.stdout)
    assert report["plugins"] == [
        {
            "name": "carrier",
            "distribution": "airlock-carrier",
            "version": "3.4",
            "executor": True,
            "hooks": [],
        },
        {
            "name": "rule",
            "distribution": "airlock-rule",
            "version": "3.4",
            "executor": False,
            "hooks": ["intent_created", "policy_check"],
        },
    ]
    assert [failure["name"] for failure in report["failures"]] == ["broken"]
    assert report["AIRLOCK_PLUGINS"] == "carrier,rule,broken"


def test_a_missing_plugin_is_said(python, site):
    """What AIRLOCK_REQUIRE asks for and is not there makes the exit code 1."""
    run = call(python, site, "plugins", AIRLOCK_PLUGINS="rule", AIRLOCK_REQUIRE="audit")
    assert run.returncode == 1
    assert "MISSING  the required plugin 'audit' is missing" in run.stdout
    run = call(python, site, "plugins", AIRLOCK_PLUGINS="rule", AIRLOCK_REQUIRE="rule")
    assert run.returncode == 0, run.stdout


def test_nothing_is_loaded(python, site):
    """It says so."""
    run = call(python, site, "plugins", AIRLOCK_PLUGINS="")
    assert (run.returncode, run.stdout) == (0, "no plugin is loaded\nAIRLOCK_PLUGINS=\n")


def test_python_m_airlock_is_the_command():
    """`python -m airlock` does the same."""
    run = subprocess.run(
        [sys.executable, "-m", "airlock", "--help"], capture_output=True, text=True, check=True
    )
    assert "plugins" in run.stdout


@pytest.mark.parametrize("words", [[], ["plugin"], ["doctor", "--jso", "x"], ["plugins", "celery"]])
def test_wrong_words(words, capsys):
    """The exit code is 2, and the usage is shown."""
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("usage: airlock")


def test_a_wrong_command_says_what_there_is(capsys):
    """argparse lists the commands."""
    with pytest.raises(SystemExit):
        main(["plugin"])
    said = capsys.readouterr().err
    assert "plugins" in said
    assert "doctor" in said


def test_the_version(capsys):
    """`airlock --version` names that of airlock and of Python, for a report of an error."""
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    python = ".".join(map(str, sys.version_info[:3]))
    assert capsys.readouterr().out.startswith(f"airlock {airlock.__version__}, Python {python}")
