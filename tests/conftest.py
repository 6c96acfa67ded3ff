"""Shape and type checks at run time for every test; one thread setting for repeatable numbers."""

import os

# Before NumPy and torch are loaded: threads that wait for one another on a busy machine cost up to 4 times.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import torch  # noqa: E402
from jaxtyping import install_import_hook  # noqa: E402

install_import_hook("graphtune", "typechecking.checked")
torch.set_num_threads(1)
