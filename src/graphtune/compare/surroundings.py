"""What figures depend on beside the code; nothing that names a machine."""

import os
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

_PACKAGES = ("graphtune", "torch", "numpy", "scikit-learn", "transformers")
_FEATURES = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16")


def versions(*beside: str) -> dict[str, str]:
    """Return the versions of Python, of what computes, and of packages it is held against."""
    names = (*_PACKAGES, *beside)
    return {"python": platform.python_version()} | {name: metadata.version(name) for name in names}


def hardware() -> dict[str, Any]:
    """Return cores, memory and what the processor can do."""
    import torch

    from graphtune.encoder.precision import chosen_device, chosen_format

    device = chosen_device("auto")
    return {
        "processor": platform.machine(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "threads": torch.get_num_threads(),
        "features": _features(),
        "memory_gib": _memory_gib(),
        "device": device.type,
        "encoding_in": str(chosen_format("auto", device)).removeprefix("torch."),
    }


def _features() -> list[str]:
    about = Path("/proc/cpuinfo")
    if not about.is_file():
        return []
    flags = next((line for line in about.read_text().splitlines() if line.startswith("flags")), "").split()
    return [name for name in _FEATURES if name in flags]


def _memory_gib() -> float | None:
    if "SC_PHYS_PAGES" not in getattr(os, "sysconf_names", {}):
        return None
    return round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1)
