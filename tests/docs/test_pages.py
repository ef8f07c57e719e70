"""The documentation does what it shows."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RUNNER = Path(__file__).with_name("run_page.py")
SAMPLES = sorted((ROOT / "examples" / "plugins").iterdir())
PAGES = [
    ROOT / "README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    *(sample / "README.md" for sample in SAMPLES),
]
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")


def _name(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_a_page_does_what_it_shows(page):
    """Every Python block runs, and what stands below it or below a command is what comes out."""
    paths = [*map(str, SAMPLES), os.environ.get("PYTHONPATH", "")]
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("AIRLOCK")},
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    environment.pop("DJANGO_SETTINGS_MODULE", None)

    run = subprocess.run(
        [sys.executable, "-W", "error", str(RUNNER), str(page)],
        capture_output=True,
        text=True,
        env=environment,
    )

    assert run.returncode == 0, run.stdout + run.stderr


def _anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as they are made where the pages are read."""
    prose = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", prose, re.MULTILINE)
    kept = [re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings]
    return {heading.strip().replace(" ", "-") for heading in kept}


LINKING = [*PAGES, ROOT / "CHANGELOG.md", *sorted(ROOT.glob("plugins/*/README.md"))]


@pytest.mark.parametrize("page", LINKING, ids=_name)
def test_every_relative_link_leads_somewhere(page):
    """The file is there, and the heading where a link names one."""
    for link in LINK.findall(page.read_text()):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{_name(page)} links to {link}"
        if anchor:
            assert anchor in _anchors(target), f"{_name(page)} links to {link}"


def test_every_page_can_be_reached():
    """From the README, by following links, a reader comes to every page."""
    seen: set[Path] = set()
    ahead = [ROOT / "README.md"]
    while ahead:
        page = ahead.pop()
        if page in seen:
            continue
        seen.add(page)
        targets = [
            (page.parent / link.partition("#")[0]).resolve()
            for link in LINK.findall(page.read_text())
        ]
        ahead += [target for target in targets if target.suffix == ".md" and target.exists()]

    assert not set(PAGES) - seen


def test_the_readme_names_the_two_commands():
    """A stranger finds `make demo` and `make test` at once."""
    readme = (ROOT / "README.md").read_text()

    assert "make demo" in readme
    assert "make test" in readme
