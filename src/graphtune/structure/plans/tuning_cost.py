"""What it costs that modules learn."""

from graphtune.structure.model_graph import ModelGraph, ModuleNode
from graphtune.structure.plans.budget import Unit

_LEARNING_BYTES = 12  # of a number that learns: its gradient and AdamW's two moments, in float32


class TuningCost:
    """Costs of letting modules learn, in parameters, bytes or FLOPs (which stand for seconds too).

    FLOPs are those of one text in a step, as the frozen blocks' states are kept: a forward pass and one for
    the gradients of the states from the lowest block that learns on, and for each module that learns as much
    again for the gradients of its weights. The head costs nothing, since it always learns.
    """

    def __init__(self, graph: ModelGraph, unit: Unit) -> None:
        self.graph, self.unit, self.depth = graph, unit, graph.depth
        flops = [0.0] * (graph.depth + 2)
        for node in graph.nodes:
            if node.kind != "head":
                flops[node.block] += node.flops
        counted = unit in ("flops", "seconds")
        self._reaching = [2 * sum(flops[block:]) if counted else 0.0 for block in range(graph.depth + 2)]

    def reaching(self, block: int) -> float:
        """Return what it costs that ``block`` is the lowest to learn, whatever learns."""
        return self._reaching[block] if block < len(self._reaching) else 0.0

    def whole(self, node: ModuleNode) -> float:
        """Return what it costs that all weights of ``node`` learn."""
        if self.unit in ("flops", "seconds"):
            return float(node.flops)
        return float(node.parameters * (1 if self.unit == "parameters" else _LEARNING_BYTES))

    def update(self, node: ModuleNode) -> float:
        """Return what each rank of an update beside a matrix costs."""
        numbers = sum(node.shape)
        if self.unit in ("flops", "seconds"):
            # Read, and passed back to the states and to the weights.
            return 3.0 * node.flops * numbers / (node.shape[0] * node.shape[1])
        return float(numbers * (1 if self.unit == "parameters" else _LEARNING_BYTES))

    def all(self) -> float:
        """Return what it costs that everything learns."""
        return self.reaching(0) + sum(self.whole(node) for node in self.graph.nodes if node.kind != "head")
