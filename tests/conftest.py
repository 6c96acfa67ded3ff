"""Shape and type checks at run time for every test; one thread setting for repeatable numbers."""

import torch
from jaxtyping import install_import_hook

install_import_hook("graphtune", "beartype.beartype")
torch.set_num_threads(1)
