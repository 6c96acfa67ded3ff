"""Run a program, and tell the most memory that it, or a program it waited for, has held.

    python -I -S launch.py PEAK_FILE PROGRAM [ARGUMENT...]

Run by itself, with the standard library alone: on Linux a process counts from the peak of the one that
started it, and a training has held far more than most programs ever do. The peak, in bytes, is written to
``PEAK_FILE``; the exit status is the program's.
"""

import subprocess
import sys


def main(peak_file: str, *command: str) -> int:
    """Run ``command``; 0 is written where the system tells no peak."""
    try:
        status = subprocess.run(command, check=False).returncode
    except OSError as error:
        print(f"{command[0]} could not be started: {error.strerror}", file=sys.stderr)
        status = 127
    with open(peak_file, "w", encoding="ascii") as file:  # noqa: PTH123 - nothing more is imported
        file.write(str(_peak()))
    # A program that a signal ended has a negative status, which no exit status is.
    return status if status >= 0 else 128 - status


def _peak() -> int:
    try:
        import resource
    except ImportError:
        return 0
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * unit


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
