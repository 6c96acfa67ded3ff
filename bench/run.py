"""Run the benchmarks; ``make bench`` calls this.

    python bench/run.py [NAME...] [--list]

A benchmark is a module beside this file with a ``NAME`` and ``run(out)``, which writes its results under the
folder ``out``. The data are read from where GRAPHTUNE_DATA points; what is not there is skipped, and said.
Without a NAME all are run but adapters, citation, class_names, comparison, compress, few_labels,
full_tuning, gnn_strategies, million, mlp_init, molecules, multi_label, pruning, setfit, smaller, starts,
trainer, tuning, unknown, upper_blocks and word_networks, which take long and are run only where named.
"""

import argparse
import sys
from pathlib import Path

import adapters
import against_setfit
import bars
import citation
import class_names
import comparison
import compress
import encoding
import few_labels
import full_accuracy
import gnn_strategies
import kernels
import ladder
import latency
import million
import mlp_init
import molecules
import multi_label
import nearest
import pruning
import sampling
import smaller
import starts
import static
import trainer
import tuning
import unknown
import upper_blocks
import word_graph
import word_networks

BENCHMARKS = (
    *(
        adapters,
        bars,
        citation,
        class_names,
        comparison,
        compress,
        encoding,
        few_labels,
        full_accuracy,
        gnn_strategies,
        kernels,
        ladder,
        latency,
        million,
        mlp_init,
        molecules,
        multi_label,
        nearest,
    ),
    *(pruning, sampling, against_setfit, smaller, starts, static, trainer, tuning, unknown, word_graph),
    upper_blocks,
    word_networks,
)
_ONLY_NAMED = (
    *(
        adapters,
        citation,
        class_names,
        comparison,
        compress,
        few_labels,
        full_accuracy,
        gnn_strategies,
        million,
    ),
    *(
        mlp_init,
        molecules,
        multi_label,
        pruning,
        against_setfit,
        smaller,
        starts,
        trainer,
        tuning,
        unknown,
        upper_blocks,
        word_networks,
    ),
)
RESULTS = Path(__file__).parent / "results"


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmarks that are named; without a name, all that do not take long."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("name", nargs="*", help="names of benchmarks or of rows of the bars; none: see above")
    parser.add_argument("--list", action="store_true", help="print the names")
    given = parser.parse_args(arguments)
    by_name = {benchmark.NAME: benchmark for benchmark in BENCHMARKS}
    rows = [row.name for row in bars.ROWS]
    if given.list:
        print("\n".join([*by_name, *(f"  {name}" for name in rows)]))
        return 0
    wrong = [name for name in given.name if name not in by_name and name not in rows]
    if wrong:
        print(f"error: no benchmark is called {', '.join(wrong)}.\nfix: see --list.", file=sys.stderr)
        return 2
    status = 0
    usual = [benchmark.NAME for benchmark in BENCHMARKS if benchmark not in _ONLY_NAMED]
    for name in given.name or usual:
        if name in by_name:
            by_name[name].run(RESULTS)
        else:
            status |= bars.main([name])
    return status


if __name__ == "__main__":
    sys.exit(main())
