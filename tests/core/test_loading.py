"""Loading what is installed: real distributions in a folder on the path, in a fresh process."""

from __future__ import annotations

import json
import textwrap

import pytest

from airlock_core import loading

GOOD = """
    import airlock

    class Plugin:
        def __init__(self, name):
            self.name = name

        @airlock.hookimpl
        def policy_check(self, intent):
            asked.append(self.name)

    asked = []
"""


@pytest.fixture
def install(tmp_path):
    """Install a distribution: its entry points, and a module of its own name."""

    def install(distribution, code="", where="site", **entry_points):
        site = tmp_path / where
        info = site / f"{distribution.replace('-', '_')}-1.2.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.2\n"
        )
        lines = [f"{name} = {value}" for name, value in entry_points.items()]
        (info / "entry_points.txt").write_text("[airlock]\n" + "\n".join(lines) + "\n")
        if code:
            (site / f"{distribution.replace('-', '_')}.py").write_text(textwrap.dedent(code))
        return site

    return install


# Use airlock twice, do what the test wants, and report.
PROGRAM = """
import json, sys, warnings
import airlock
from airlock_core.plugins import manager
assert "importlib.metadata" not in sys.modules
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    error = result = None
    try:
        with airlock.scope(): pass
        with airlock.scope(): pass
    except airlock.AirlockError as raised:
        error = str(raised)
    {then}
warned = [str(w.message) for w in caught if w.category is airlock.PluginWarning]
print(json.dumps({{
    "plugins": [name for name, _ in manager],
    "failures": [str(failure) for failure in manager.failures],
    "warnings": warned, "error": error, "result": result,
}}))
"""


@pytest.fixture
def report(python, tmp_path):
    """Use airlock in a fresh process; return what was loaded, what failed, what was warned."""

    def report(*paths, then="", **environment):
        then = textwrap.indent(textwrap.dedent(then), "    ").strip()
        around = {plugin.name for plugin in loading.installed()}  # none of this test's business
        if around:
            environment.setdefault("AIRLOCK_PLUGINS", ",".join(f"no:{name}" for name in around))
        if environment.get("AIRLOCK_PLUGINS") == "all but":
            environment["AIRLOCK_PLUGINS"] = ",".join(f"no:{name}" for name in {*around, "alpha"})
        run = python(PROGRAM.format(then=then), *(paths or (tmp_path / "site",)), **environment)
        assert run.returncode == 0, run.stderr
        return json.loads(run.stdout)

    return report


def test_plugins_are_loaded_at_first_use(install, report):
    """The first scope loads them; the import of airlock does not even look for them."""
    for name in ("good", "other"):
        code = GOOD + f"    plugin = Plugin('{name}')\n"
        install(f"airlock-{name}", code, **{name: f"airlock_{name}:plugin"})
    found = report()
    assert found["plugins"] == ["good", "other"]
    assert found["failures"] == found["warnings"] == []


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("raise RuntimeError('broken at import')", "broken at import"),
        ("import a_module_that_is_not_there", "a_module_that_is_not_there"),
        ("nothing = 1", "plugin"),
        ("class plugin: pass", "is a class"),
        (
            "import airlock\nclass P:\n    @airlock.hookimpl\n    def policy_chek(self): ...\n"
            "plugin = P()",
            "Did you mean",
        ),
    ],
)
def test_one_that_fails_is_left_out_and_warned_about_once(install, report, code, says):
    """The others are loaded; the warning names entry point, distribution and what to do."""
    install("airlock-bad", code, bad="airlock_bad:plugin")
    install("airlock-good", GOOD + "    plugin = Plugin('good')\n", good="airlock_good:plugin")
    found = report()
    assert found["plugins"] == ["good"]
    assert len(found["failures"]) == len(found["warnings"]) == 1
    warning = found["warnings"][0]
    assert "plugin 'bad' of airlock-bad" in warning
    assert says in warning
    assert "AIRLOCK_PLUGINS=no:bad" in warning


def test_duplicates_name_both(install, report):
    """Two distributions with one name: the first is used, and the warning names both."""
    install("airlock-one", GOOD + "    plugin = Plugin('one')\n", mail="airlock_one:plugin")
    install("airlock-two", GOOD + "    plugin = Plugin('two')\n", mail="airlock_two:plugin")
    found = report(then="result = dict(manager)['mail'].name")
    assert (found["plugins"], found["result"]) == (["mail"], "one")
    (warning,) = found["warnings"]
    assert "airlock-one" in warning
    assert "airlock-two" in warning


def test_one_distribution_twice_on_the_path_is_one(install, report):
    """An editable install shadows a wheel without a warning."""
    code = GOOD + "    plugin = Plugin('mine')\n"
    first = install("airlock-mine", code, mine="airlock_mine:plugin")
    second = install("airlock-mine", code, where="other", mine="airlock_mine:plugin")
    found = report(first, second)
    assert (found["plugins"], found["warnings"]) == (["mine"], [])


def test_the_order_is_by_name_and_the_applications_own_are_first(install, report):
    """The same everywhere, whatever the order of the distributions on the path."""
    shared = "import builtins; asked = vars(builtins).setdefault('ASKED', [])"
    code = GOOD.replace("asked = []", shared)
    sites = [
        install(
            f"airlock-{dist}",
            code + f"    plugin = Plugin('{name}')\n",
            where=dist,
            **{name: f"airlock_{dist}:plugin"},
        )
        for dist, name in (("x", "beta"), ("y", "gamma"), ("z", "alpha"))
    ]
    then = """
        import builtins
        class Own:
            @airlock.hookimpl
            def policy_check(self, intent):
                builtins.ASKED.append("own")
        airlock.register(Own())
        with airlock.scope():
            airlock.enqueue(print, end="")
        result = builtins.ASKED
        """
    for paths in (sites, sites[::-1]):
        found = report(*paths, then=then)
        assert found["result"] == ["own", "alpha", "beta", "gamma"]


def test_register_as_the_first_use_is_still_asked_first(install, python):
    """register() loads what is installed before it registers."""
    site = install(
        "airlock-good",
        GOOD + "    plugin = Plugin('installed')\n",
        good="airlock_good:plugin",
    )
    run = python(
        """
        import airlock
        class Own:
            @airlock.hookimpl
            def policy_check(self, intent):
                import airlock_good
                airlock_good.asked.append("own")
        airlock.register(Own())
        with airlock.scope():
            airlock.enqueue(print, end="")
        import airlock_good
        print(airlock_good.asked)
        """,
        site,
        AIRLOCK_PLUGINS="good",
    )
    assert run.stdout.strip() == "['own', 'installed']", run.stderr


@pytest.mark.parametrize(
    ("choice", "loaded"),
    [
        ("alpha,gamma", ["alpha", "gamma"]),
        (" gamma , alpha,", ["alpha", "gamma"]),
        ("", []),
        ("all but", ["beta", "gamma"]),
        ("alpha,no:gamma", ["alpha"]),
        ("alpha,no:alpha", []),
        ("unknown", []),
    ],
)
def test_a_comma_list_chooses(install, report, choice, loaded):
    """AIRLOCK_PLUGINS: those named, none, or all but those."""
    for name in ("alpha", "beta", "gamma"):
        code = GOOD + f"    plugin = Plugin('{name}')\n"
        install(f"airlock-{name}", code, **{name: f"airlock_{name}:plugin"})
    assert report(AIRLOCK_PLUGINS=choice)["plugins"] == loaded


def test_a_plugin_that_is_not_chosen_is_not_even_imported(install, report):
    """A broken one can be switched off."""
    install("airlock-bad", "raise SystemExit('imported')", bad="airlock_bad:plugin")
    assert report(AIRLOCK_PLUGINS="")["warnings"] == []


REQUIRED = "required plugin 'audit' is missing"


def test_a_required_plugin_that_is_not_there_is_an_error(install, report):
    """AIRLOCK_REQUIRE: a missing audit policy does not fail open."""
    install("airlock-good", GOOD + "    plugin = Plugin('good')\n", good="airlock_good:plugin")
    found = report(AIRLOCK_REQUIRE="good, audit")
    assert REQUIRED in found["error"]
    assert "not installed or not chosen" in found["error"]
    assert report(AIRLOCK_REQUIRE="good")["error"] is None


def test_a_required_plugin_that_fails_or_is_not_chosen_is_an_error(install, report):
    """The error says why; the warning about the failure comes once all the same."""
    install("airlock-audit", "raise RuntimeError('no key')", audit="airlock_audit:plugin")
    found = report(AIRLOCK_REQUIRE="audit")
    assert REQUIRED in found["error"]
    assert "no key" in found["error"]
    assert len(found["warnings"]) == 1
    found = report(AIRLOCK_REQUIRE="audit", AIRLOCK_PLUGINS="")
    assert "not chosen" in found["error"]


def test_a_required_duplicate_is_warned_about_once(install, report):
    """However often the loading is tried again."""
    install("airlock-one", "raise RuntimeError", mail="airlock_one:plugin")
    install("airlock-two", "raise RuntimeError", mail="airlock_two:plugin")
    found = report(
        AIRLOCK_REQUIRE="mail",
        then="""
        for _ in range(3):
            try:
                with airlock.scope(): pass
            except airlock.PluginError: pass
        result = len(manager.failures)
        """,
    )
    assert len(found["warnings"]) == found["result"] == 2


def test_configure_require_is_the_same(install, report):
    """configure(require=[...]) raises where the plugin is missing."""
    install("airlock-good", GOOD + "    plugin = Plugin('good')\n", good="airlock_good:plugin")
    then = """
        airlock.configure(require=["good"])
        try:
            airlock.configure(require=["good", "audit"])
        except airlock.PluginError as raised:
            result = str(raised)
        assert airlock.get_configuration().require == ("good",)
        """
    assert REQUIRED in report(then=then)["result"]


def test_a_plugin_that_uses_airlock_while_it_is_imported(install, report):
    """Its module may register more, and open a scope: loading does not begin anew."""
    code = GOOD + (
        "    plugin = Plugin('eager')\n"
        "    airlock.register(Plugin('more'), 'more')\n"
        "    with airlock.scope():\n"
        "        airlock.enqueue(print, end='')\n"
    )
    install("airlock-eager", code, eager="airlock_eager:plugin")
    found = report()
    assert found["failures"] == found["warnings"] == []
    assert sorted(found["plugins"]) == ["eager", "more"]


def test_threads_that_begin_at_once_load_once(install, report):
    """The first scopes of many threads wait for one loading."""
    code = (
        "import builtins, time; builtins.COUNT = getattr(builtins, 'COUNT', 0) + 1\n"
        "time.sleep(0.05)\nplugin = lambda intent: None\n"
    )
    site = install("airlock-slow", code, slow="airlock_slow:plugin")
    found = report(
        site,
        then="""
        import builtins, threading
        from airlock_core.plugins import Plugins
        other, seen = Plugins(), []
        import sys; sys.modules.pop("airlock_slow")
        def work():
            other.load()
            seen.append(len(list(other)))
        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        result = [builtins.COUNT, seen]
        """,
        AIRLOCK_PLUGINS="slow",
    )
    assert found["result"] == [2, [1] * 8]


def test_a_name_that_nothing_installed_has_is_warned_about(install, report):
    """A typing error in AIRLOCK_PLUGINS would leave a plugin out in silence."""
    install("airlock-good", GOOD + "    plugin = Plugin('good')\n", good="airlock_good:plugin")
    found = report(AIRLOCK_PLUGINS="godo")
    assert len(found["warnings"]) == 1
    assert "'godo', which is not installed" in found["warnings"][0]
    assert "good" in found["warnings"][0]
