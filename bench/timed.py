"""Run a command and print, as JSON, its exit status, seconds and peak memory.

    python bench/timed.py [--cores 2] -- COMMAND...

A process of its own, with nothing imported: a child's peak memory counts what its parent held when it was
started, so a parent that had trained models would be measured instead.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence


def in_own_process(
    command: Sequence[str], *, cores: int | None = None, environment: Mapping[str, str] | None = None
) -> dict[str, float]:
    """Run ``command`` by this script; return what the script prints, less the status.

    Raises:
        RuntimeError: the command failed.
    """
    limit = [] if cores is None else ["--cores", str(cores)]
    timed = [sys.executable, __file__, *limit, "--", *command]
    facts = json.loads(subprocess.run(timed, env=environment, stdout=subprocess.PIPE, check=True).stdout)
    status = facts.pop("status")
    if status:
        raise RuntimeError(f"{' '.join(command)} ended with status {status}")
    return facts


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--cores", type=int, help="let the command use so many cores only")
    parser.add_argument("command", nargs="+")
    given = parser.parse_args()
    able = sorted(os.sched_getaffinity(0))
    if given.cores is not None:
        os.sched_setaffinity(0, able[: given.cores])
    start = time.monotonic()
    process = subprocess.Popen(given.command, stdout=sys.stderr)
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.monotonic() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    facts = {
        "status": process.returncode,
        "seconds": round(seconds, 2),
        "peak_mib": round(used.ru_maxrss / 1024, 1),  # the kernel counts in KiB
        "cores": len(os.sched_getaffinity(0)),
    }
    print(json.dumps(facts))
    return 0


if __name__ == "__main__":
    sys.exit(main())
