"""The keeper: it ends the programs where the demo was killed and cannot do so itself."""

import subprocess

# Its standard input ends when the demo's process does, however that ends.
SCRIPT = """
while read -r group; do groups="$groups -$group"; done
[ -z "$groups" ] || kill -s KILL -- $groups
"""


class Keeper:
    """A shell in a process of its own, which outlives the demo by as long as that takes."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            ["/bin/sh", "-c", SCRIPT],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )

    def watch(self, group: int) -> None:
        """Have it end a process group, too."""
        assert self._process.stdin is not None
        print(group, file=self._process.stdin, flush=True)

    def dismiss(self) -> None:
        """End it: there is nothing left for it to do. Doing so twice does no harm."""
        self._process.kill()
        self._process.communicate()
