"""What the processor computes by itself."""

import torch


def fast_bfloat16(device: torch.device) -> bool:
    """Say whether bfloat16 is computed by the hardware rather than emulated, which is slower than float32."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    probes = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return device.type == "cpu" and any(getattr(torch.cpu, name, bool)() for name in probes)
