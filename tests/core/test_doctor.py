"""`airlock doctor`: what is wrong with an installation, its environment and its settings."""

from __future__ import annotations

import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.requirements import Requirement

import airlock
from airlock.testing import plugins
from airlock_core import environment
from airlock_core.findings import Finding, findings
from airlock_core.versions import normalized, requirement

PLUGIN = """
import airlock
from airlock_core.findings import Finding


class Shop(airlock.Executor):
    def findings(self):
        {body}


plugin = Shop()
"""

WARNS = """yield Finding("shop.W001", "warning", "The till is open.", "Close it.")"""
INFORMS = """yield Finding("shop.I001", "info", "It is late.", "Go home.")"""


@pytest.fixture
def install(tmp_path):
    """A function that installs a distribution in a folder of its own."""

    def install(name, version="1.0", *, requires=(), files=None, entry_point=None):
        folder = tmp_path / "site"
        info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir(parents=True)
        lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
        lines += [f"Requires-Dist: {text}" for text in requires]
        (info / "METADATA").write_text("\n".join(lines) + "\n")
        for path, text in (files or {}).items():
            (folder / path).parent.mkdir(exist_ok=True)
            (folder / path).write_text(text)
        (info / "RECORD").write_text("".join(f"{path},,\n" for path in files or {}))
        if entry_point is not None:
            (info / "entry_points.txt").write_text(f"[airlock]\n{entry_point}\n")
        return folder

    return install


@pytest.fixture
def doctor(python, tmp_path):
    """A function that runs `airlock doctor` in an empty folder, with these folders on its path."""
    folder = tmp_path / "empty"
    folder.mkdir()

    def run(*words, path=(), **environment):
        arguments = ["doctor", *words]
        program = f"""
            import os, sys
            os.chdir({str(folder)!r})
            from airlock_core.cli import main
            sys.exit(main({arguments!r}))
        """
        return python(program, *path, **{"AIRLOCK_PLUGINS": "", **environment})

    return run


def shop(install, body):
    """Install a plugin `shop` whose `findings()` has this body."""
    return install(
        "airlock-shop",
        files={"airlock_shop.py": PLUGIN.format(body=body)},
        entry_point="shop = airlock_shop:plugin",
    )


def test_nothing_is_wrong(doctor):
    """It says so, and ends with 0."""
    run = doctor()
    assert (run.returncode, run.stdout, run.stderr) == (0, "no problem\n", "")


def test_what_a_plugin_finds(doctor, install):
    """A finding is shown with its remedy, and makes the exit code 1, unless it is ignored."""
    path = [shop(install, WARNS)]
    run = doctor(path=path, AIRLOCK_PLUGINS="shop")
    assert run.returncode == 1
    assert run.stdout == ("WARNING  shop.W001  The till is open.\n         Close it.\n1 problem\n")
    run = doctor("--ignore", "shop.W001", path=path, AIRLOCK_PLUGINS="shop")
    assert (run.returncode, run.stdout) == (0, "no problem\n")


def test_an_information_is_no_problem(doctor, install):
    """It is shown, and the exit code stays 0."""
    run = doctor("--json", path=[shop(install, INFORMS)], AIRLOCK_PLUGINS="shop")
    assert run.returncode == 0
    report = json.loads(run.stdout)
    assert report["airlock"] == airlock.__version__
    assert report["findings"] == [
        {"id": "shop.I001", "level": "info", "text": "It is late.", "remedy": "Go home."}
    ]


def test_a_plugin_whose_findings_fail(doctor, install):
    """The error of one is a finding, and keeps back none of the others."""
    run = doctor(path=[shop(install, "raise ValueError('no till')")], AIRLOCK_PLUGINS="shop")
    assert run.returncode == 1
    assert "airlock.core.E005  The plugin 'shop' could not examine" in run.stdout
    assert "ValueError('no till')" in run.stdout


def test_a_plugin_that_failed(doctor, install):
    """It is named with its distribution."""
    path = install(
        "airlock-shop",
        files={"airlock_shop.py": "raise RuntimeError('broken')"},
        entry_point="shop = airlock_shop:plugin",
    )
    run = doctor(path=[path], AIRLOCK_PLUGINS="shop")
    assert run.returncode == 1
    assert (
        "ERROR    airlock.core.E001  Left out: plugin 'shop' of airlock-shop: "
        "RuntimeError('broken')." in run.stdout
    )


def test_a_required_plugin_that_is_missing(doctor, install):
    """It is named once, and what the other plugins find is not kept back."""
    run = doctor(path=[shop(install, WARNS)], AIRLOCK_PLUGINS="shop", AIRLOCK_REQUIRE="shop,audit")
    assert run.stdout.count("airlock.core.E002  the required plugin 'audit' is missing") == 1
    assert "shop.W001" in run.stdout
    assert run.stdout.endswith("2 problems\n")


def test_versions_that_do_not_fit(doctor, install):
    """A plugin that wants another core, or a queue that is too old or absent, is named."""
    install("shopqueue", "2.9")
    path = install(
        "airlock-shop",
        requires=[
            "airlock-core<0.1",
            "Shop_Queue>=3",
            "shopqueue>=3",
            "shopqueue>=2,!=2.8.*",
            'other>=1; extra == "more"',
        ],
        entry_point="shop = airlock_shop:plugin",
    )
    run = doctor("--json", path=[path])
    wrong = [found["text"] for found in json.loads(run.stdout)["findings"]]
    assert run.returncode == 1
    assert wrong == [
        f"airlock-shop 1.0 needs airlock-core<0.1, and {airlock.__version__} is installed.",
        "airlock-shop 1.0 needs Shop_Queue>=3, and it is not installed.",
        "airlock-shop 1.0 needs shopqueue>=3, and 2.9 is installed.",
    ]


def test_two_distributions_that_bring_the_package(doctor, install):
    """Whatever else installs a package `airlock` is named, with what repairs it."""
    path = install("airlock-py", "0.3", files={"airlock/__init__.py": ""})
    run = doctor("--json", path=[path])
    found = {found["id"]: found for found in json.loads(run.stdout)["findings"]}
    assert run.returncode == 1
    assert found["airlock.core.E004"]["text"].startswith("airlock-py 0.3 brings a package")
    assert "pip uninstall airlock-py" in found["airlock.core.E004"]["remedy"]
    # In a folder of its own it hides the package, too.
    assert str(path / "airlock" / "__init__.py") in found["airlock.core.E006"]["text"]


def test_a_file_that_hides_the_package(doctor, tmp_path):
    """A module of that name, where the command is started, is named."""
    (tmp_path / "airlock.py").write_text("")
    run = doctor(path=[tmp_path])
    assert run.returncode == 1
    assert f"airlock.core.E006  `import airlock` finds {tmp_path / 'airlock.py'}" in run.stdout


@pytest.mark.parametrize("app", ["shop_app", "shop_app:app", "shop_app:app.inner"])
def test_an_app_is_imported(doctor, tmp_path, app):
    """A module, or a name in it; what it prints is no part of the report."""
    (tmp_path / "shop_app.py").write_text("class app:\n    inner = 1\nprint('imported')")
    run = doctor("--app", app, path=[tmp_path])
    assert (run.returncode, run.stdout) == (0, "no problem\n"), run.stderr
    assert run.stderr == "imported\n"


def test_an_app_that_ends_the_process(doctor, tmp_path):
    """It is no success."""
    (tmp_path / "shop_app.py").write_text("raise SystemExit(0)")
    run = doctor("--app", "shop_app", path=[tmp_path])
    assert run.returncode == 2
    assert "SystemExit(0)" in run.stderr


@pytest.mark.parametrize("app", ["nowhere", "json:nothing", "json:dumps.nothing", "", ":", "a b"])
def test_an_app_that_is_not_there(doctor, app):
    """Wrong use: the exit code is 2, and the message says how it is written."""
    run = doctor("--app", app)
    assert run.returncode == 2
    assert "cannot be imported" in run.stderr
    assert "shop.celery:app" in run.stderr
    assert run.stdout == ""


def test_a_variable_that_nothing_reads(monkeypatch):
    """What resembles a variable of airlock's is named; what a plugin may have of its own is not."""
    for name in list(os.environ):
        if name.startswith("AIRLOCK"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AIRLOCK_PLUGIN", "celery")
    monkeypatch.setenv("AIRLOCK_AUDIT_FILE", "audit.log")
    (found,) = environment.examine()
    assert (found.id, found.level) == ("airlock.core.W001", "warning")
    assert "AIRLOCK_PLUGIN " in found.text
    assert found.remedy == "Did you mean AIRLOCK_PLUGINS?"


def test_a_plugin_that_is_chosen_and_not_installed(doctor, install):
    """It is named, and the one that was meant."""
    path = [shop(install, WARNS)]
    run = doctor("--json", path=path, AIRLOCK_PLUGINS="shopp")
    (found,) = json.loads(run.stdout)["findings"]
    assert found["text"] == "AIRLOCK_PLUGINS names 'shopp', which is not installed."
    assert found["remedy"] == "Did you mean 'shop'?"


def test_frameworks_are_asked_before_queues():
    """What is no executor comes first: its settings may make the app that a queue examines."""
    asked = []

    class Queue(airlock.Executor):
        def findings(self):
            asked.append("queue")
            return []

    class Framework(airlock.Policy):
        def findings(self):
            asked.append("framework")
            return [Finding("f.W001", "warning", "It rains.", "Wait.")]

    framework = Framework()
    with plugins():
        airlock.register(framework)
        airlock.register(Queue())
        assert [found.id for found in findings()] == ["f.W001"]
        assert asked == ["framework", "queue"]
        assert list(findings(without=framework)) == []


numbers = st.lists(st.integers(0, 3), min_size=1, max_size=4).map(lambda n: ".".join(map(str, n)))
versions = st.builds(str.__add__, numbers, st.sampled_from(["", "", "a1", "rc2", ".dev3"]))
plain = st.builds(str.__add__, st.sampled_from([">=", "<=", "==", "!=", ">", "<"]), numbers)
prefixes = st.builds("{}{}.*".format, st.sampled_from(["==", "!="]), numbers)


@given(version=versions, specifiers=st.lists(plain | prefixes, max_size=3))
def test_versions_are_read_as_installers_read_them(version, specifiers):
    """Numbers, early releases and the operators that distributions use agree with `packaging`."""
    text = "shop" + ",".join(specifiers)
    read = requirement(text)
    assert read is not None
    expected = Requirement(text).specifier.contains(version, prereleases=True)
    assert read.allows(version) == expected, (text, version)


@pytest.mark.parametrize(
    "text", ["shop~=1.0", "shop @ https://example.org/shop.whl", 'shop; extra == "more"', "shop>=x"]
)
def test_what_cannot_be_read_is_left_to_the_installer(text):
    """Nothing is said of it."""
    assert requirement(text) is None


def test_names_have_one_spelling():
    """As installers compare them."""
    assert normalized("Shop_Queue.core") == "shop-queue-core"
