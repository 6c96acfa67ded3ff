"""A process that does nothing but predict, so that its memory and its seconds are a model's own.

    python -P worker.py PLACE

Run by its path: as a module it would have imported its package before its clock starts. It answers each line
of standard input, a JSON list of texts, by a line of JSON on standard output.
"""

import time

_STARTED = time.perf_counter()

import json  # noqa: E402 - what is imported counts
import os  # noqa: E402
import re  # noqa: E402
import shutil  # noqa: E402
import sys  # noqa: E402
from collections.abc import Callable, Sequence  # noqa: E402
from pathlib import Path  # noqa: E402


def main(place: str) -> int:
    """Load what is in ``place``, say so, and answer until standard input ends."""
    answer = _answering(place)
    answer(["to load what is loaded late"])
    print(json.dumps({"load_seconds": time.perf_counter() - _STARTED, "peak_bytes": own_peak()}), flush=True)
    for line in sys.stdin:
        texts = json.loads(line)
        # What was kept of these texts before would be read instead of encoded.
        shutil.rmtree(os.environ.get("GRAPHTUNE_CACHE", ""), ignore_errors=True)
        start = time.perf_counter()
        answer(texts)
        print(json.dumps({"seconds": time.perf_counter() - start, "peak_bytes": own_peak()}), flush=True)
    return 0


def _answering(place: str) -> Callable[[Sequence[str]], object]:
    if (Path(place) / "manifest.json").is_file():
        from graphtune.run import load

        return load(Path(place)).probabilities
    from graphtune.encoder import from_name

    return from_name(place).fit(()).encode


def own_peak() -> int:
    """Return the most bytes this process has held; 0 where the system does not say."""
    about = Path("/proc/self/status")
    if about.is_file():
        # getrusage would count what the parent held when it started this process.
        found = re.search(r"^VmHWM:\s*(\d+) kB$", about.read_text(encoding="ascii"), re.MULTILINE)
        if found:
            return int(found[1]) * 1024
    try:
        import resource
    except ImportError:
        return 0
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
