"""Graph attention with several heads.

Source: Velickovic et al., ICLR 2018, arXiv:1710.10903, eqs. 3 to 6.
Differs from the paper: dropout on the attention is off unless asked for; no nonlinearity inside.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from graphtune.graph import TextGraph
from graphtune.layer.attention import attend, edge_sums, join_heads, row_softmax, width_of_head
from graphtune.layer.dropout import check_dropout, dropped


class GAT(nn.Module):
    """Per head ``softmax_j(LeakyReLU(a_i · W x_i + a_j · W x_j))`` weighs ``W x_j`` over the neighbours j.

    Loops are added, so an isolated node yields ``W x + b``. As in the paper, the weights of edges are
    ignored: what is no edge must not be in the graph. ``outputs`` is the width of the result: with
    ``concatenate`` each of the ``heads`` is ``outputs / heads`` wide, without it they are ``outputs`` wide
    each and averaged.
    Cost: O(N F G + E G) time, O(E H + N G) memory beside the graph.

    Raises:
        PlanError: ``concatenate`` is on and ``outputs`` is no multiple of ``heads``, or ``dropout`` is not at
            least 0 and less than 1.
    """

    hops: int = 1

    def __init__(
        self,
        inputs: int,
        outputs: int,
        heads: int = 4,
        *,
        concatenate: bool = True,
        slope: float = 0.2,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        width = width_of_head(outputs, heads, concatenate=concatenate)
        check_dropout(dropout)
        self.weight = nn.Linear(inputs, heads * width, bias=False)
        self.sent = nn.Parameter(torch.empty(heads, width))
        self.received = nn.Parameter(torch.empty(heads, width))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.concatenate, self.heads = concatenate, heads
        self.slope = slope  # of LeakyReLU below zero
        self.dropout = dropout  # share of the attention that is left out of a training step
        for parameter in (self.weight.weight, self.sent, self.received):
            nn.init.xavier_uniform_(parameter)

    def forward(self, x: Float[Tensor, "N F"], graph: TextGraph) -> Float[Tensor, "N G"]:
        """Let each node choose among its neighbours."""
        looped = graph.with_loops()
        flat = self.weight(x)
        # One narrow product: features times attention, summed head by head, would be written out first.
        sent, received = (flat @ torch.cat([_by_head(self.sent), _by_head(self.received)], 1)).chunk(2, 1)
        scores = edge_sums(looped, sent, received)
        values = flat.view(-1, *self.sent.shape)
        shares = row_softmax(looped, nn.functional.leaky_relu(scores, self.slope))
        if self.training:
            shares = dropped(shares, self.dropout)
        return join_heads(attend(looped, shares, values), concatenate=self.concatenate) + self.bias


def _by_head(attention: Float[Tensor, "H G"]) -> Float[Tensor, "H*G H"]:
    return torch.block_diag(*attention).t()
