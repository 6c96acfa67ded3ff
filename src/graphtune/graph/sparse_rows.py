"""A sparse matrix that is multiplied by dense ones: the one product that message passing needs."""

import warnings
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int32
from torch import Tensor

_FORMATS = (torch.float32, torch.bfloat16, torch.float16)


@dataclass(frozen=True, eq=False)
class SparseRows:
    """Row ``i`` holds ``values`` at columns ``col``, both from ``crow[i]`` to ``crow[i + 1]``.

    Nothing is checked: the parts come from graphs, which are sound.
    """

    crow: Int32[Tensor, " _"]  # M + 1 long; the products copy 64-bit positions down on every call
    col: Int32[Tensor, " E"]
    values: Float[Tensor, " E"]
    columns: int

    def __matmul__(self, dense: Float[Tensor, "N F"]) -> Float[Tensor, "M F"]:
        """Return the product with a dense matrix of the same number format."""
        if dense.device.type == "cpu" and dense.dtype in _FORMATS and dense.stride(1) == 1:
            # Sums the same numbers in the same order as the sparse product, in two thirds of the time.
            return torch.embedding_bag(
                dense, self.col, self.crow, False, 0, False, self.values, include_last_offset=True
            )[0]
        return self._csr() @ dense

    def sampled(self, left: Float[Tensor, "M F"], right: Float[Tensor, "N F"]) -> Float[Tensor, " E"]:
        """Return the inner product of ``left[i]`` and ``right[j]`` for every place (i, j) that is held."""
        product = torch.sparse.sampled_addmm(self._csr(), left, right.t(), beta=0.0)
        return product.values()

    def _csr(self) -> Tensor:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta")
            size = (self.crow.numel() - 1, self.columns)
            return torch.sparse_csr_tensor(self.crow, self.col, self.values, size, check_invariants=False)
