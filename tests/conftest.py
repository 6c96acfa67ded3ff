"""Shape and type checks at run time for every test; one thread setting for repeatable numbers."""

from jaxtyping import install_import_hook

install_import_hook("graphtune", "beartype.beartype")
