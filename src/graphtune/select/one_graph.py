"""What candidates say that read the same graph and the same view, whatever else they do."""

from typing import Protocol, runtime_checkable

from graphtune.select.features import DenseView, View


@runtime_checkable
class OverGraph(Protocol):
    """The settings of a candidate that reads one graph."""

    @property
    def graph(self) -> str:
        """Its name."""
        ...


@runtime_checkable
class OverView(Protocol):
    """The settings of a candidate that reads one dense view."""

    @property
    def view(self) -> DenseView:
        """Of the stored rows and of new ones."""
        ...


class OneGraph:
    """Inherited by candidates that read one graph."""

    @property
    def graphs(self: OverGraph) -> frozenset[str]:
        """The one graph."""
        return frozenset({self.graph})


class OneView:
    """Inherited by candidates that need the stored rows of one dense view, and read no other."""

    @property
    def views(self: OverView) -> frozenset[View]:
        """The one view."""
        return frozenset[View]({self.view})

    @property
    def reads(self: OverView) -> frozenset[View]:
        """The one view."""
        return frozenset[View]({self.view})
