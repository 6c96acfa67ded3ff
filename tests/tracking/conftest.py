"""The tables of the tests of the layer that is tracked."""

import sys
from pathlib import Path

sys.path += [str(Path(__file__).parents[1] / layer) for layer in ("run", "compare")]
