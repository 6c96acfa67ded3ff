"""The tables of the tests of the layer that is tracked."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "run"))
