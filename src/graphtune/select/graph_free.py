"""What every candidate says that reads no graph and keeps what it needs itself."""

from graphtune.select.features import View
from graphtune.select.outcome import Family


class GraphFree:
    """Inherited by such candidates."""

    @property
    def family(self) -> Family:
        """It reads no graph."""
        return "graph-free"

    @property
    def graphs(self) -> frozenset[str]:
        """None."""
        return frozenset()

    @property
    def views(self) -> frozenset[View]:
        """None: stored rows are not looked at again."""
        return frozenset()
