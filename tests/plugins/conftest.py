"""The sample plugins are imported from where they are: the tests do not install them."""

import sys
from pathlib import Path

for sample in (Path(__file__).parents[2] / "examples" / "plugins").iterdir():
    sys.path.append(str(sample))
