"""What the weights of every module look like, as columns of a model graph.

Sources: the stable rank ``||W||_F^2 / ||W||_2^2`` as in Rudelson & Vershynin, Journal of the ACM 2007,
arXiv:math/0503442; kurtosis and outliers as in Bondarenko et al., NeurIPS 2023, arXiv:2306.12929 (they make
quantisation hard).
"""

import math
from typing import Final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from graphtune.structure.model_graph import ModelGraph
from graphtune.structure.parts import own_parameters, parts
from graphtune.structure.subject import subject

WEIGHT_COLUMNS: Final = (
    "Frobenius norm per parameter",  # ||W||_F / sqrt(number of weights): their root mean square
    "spectral norm",  # how much a vector can grow, at most
    "stable rank",  # (||W||_F / ||W||_2)^2: directions that carry the map
    "kurtosis",  # 3 for a normal distribution; more = heavier tails
    "largest over deviation",  # largest absolute weight, in standard deviations
    "share near zero",  # of weights below a hundredth of their standard deviation, 0 … 1
)
_NEAR = 0.01  # standard deviations
_VECTORS, _STEPS, _ENOUGH = 4, 60, 1e-5  # of the search for the largest singular value


@torch.no_grad()
def weight_columns(model: nn.Module, graph: ModelGraph) -> dict[str, tuple[float, ...]]:
    """Return one number a node under each of ``WEIGHT_COLUMNS``, of the node's largest weight.

    ``graph`` is what `read` made of ``model``. The weight of a norm counts as the diagonal map it is; what is
    not defined, such as the kurtosis of equal weights, or all of a module without weights, is NaN.
    """
    with subject(model, 1, None) as found:
        nodes = parts(found.module)
        rows = [_numbers(nodes[node.name], is_norm=node.kind == "norm") for node in graph.nodes]
    return dict(zip(WEIGHT_COLUMNS, zip(*rows, strict=True), strict=True))


def _numbers(module: nn.Module, *, is_norm: bool) -> tuple[float, ...]:
    own = list(own_parameters(module))
    if not own:
        return (math.nan,) * len(WEIGHT_COLUMNS)
    weight = max(own, key=lambda one: one.numel()).detach().float()
    square, count = float(weight.square().sum()), weight.numel()
    if weight.dim() > 1:
        spectral = spectral_norm(weight.flatten(1))
    else:
        spectral = float(weight.abs().max()) if is_norm else math.nan
    rank = square / spectral**2 if spectral > 0 else math.nan
    return (math.sqrt(square / count), spectral, rank, *_spread(weight))


def _spread(weight: Tensor) -> tuple[float, float, float]:
    """Return kurtosis, largest absolute weight in standard deviations, and share near zero."""
    centred = weight - weight.mean()
    variance = float(centred.square().mean())
    if variance <= 1e-12 * float(weight.square().mean()) or variance == 0.0:
        return math.nan, math.nan, math.nan
    deviation = math.sqrt(variance)
    kurtosis = float((centred / deviation).pow_(4).mean())
    near = float((weight.abs() < _NEAR * deviation).float().mean())
    return kurtosis, float(weight.abs().max()) / deviation, near


def spectral_norm(matrix: Float[Tensor, "G F"]) -> float:
    """Return the largest singular value, within about 0.01 %, by iterating on a few vectors.

    Cost: O(G F) time a step; a decomposition would cost O(G F min(G, F)).
    """
    generator = torch.Generator().manual_seed(0)
    count = min(_VECTORS, *matrix.shape)
    if not count:
        return 0.0
    drawn = torch.randn(matrix.shape[1], count, generator=generator)
    vectors, before = torch.linalg.qr(drawn.to(matrix.device))[0], 0.0
    for _ in range(_STEPS):
        images = matrix @ vectors
        found = float(torch.linalg.matrix_norm(images, 2))
        if found == 0.0 or abs(found - before) <= _ENOUGH * found:
            return found
        before = found
        vectors = torch.linalg.qr(matrix.T @ images)[0]
    return before
