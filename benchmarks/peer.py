"""The environment of airlock-py, the peer: it is imported as `airlock`, too. The plots share it."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / ".bench"
PEER = FOLDER / "bin" / "python"
REQUIREMENTS = Path(__file__).with_name("requirements.txt")

#: What both send with, in the versions that are installed here.
LIBRARIES = ["celery", "dramatiq", "kombu", "packaging", "pika", "redis"]


def peer_environment() -> None:
    """Install the peer from the package index, where that has not been done for these versions."""
    same = [f"{name}=={version(name)}" for name in LIBRARIES]
    wanted = "\n".join([REQUIREMENTS.read_text(), *same])
    installed = FOLDER / "installed"
    if installed.exists() and installed.read_text() == wanted:
        return
    if not PEER.exists():
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", FOLDER], check=True)
    pip = [sys.executable, "-m", "pip", "--python", str(PEER), "install", "--quiet"]
    subprocess.run([*pip, "--requirement", str(REQUIREMENTS), *same], check=True)
    installed.write_text(wanted)
