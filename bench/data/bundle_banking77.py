"""Make the demo's table out of the full one: banking77 as its published 5-labels-a-class problem.

    python bench/data/bundle_banking77.py

It reads ``banking77.parquet`` from the directory that GRAPHTUNE_DATA names.
"""

import os
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq

SOURCE = Path(os.environ.get("GRAPHTUNE_DATA", "../shared/data")) / "banking77.parquet"
TARGET = Path(__file__).parents[2] / "src/graphtune/cli/banking77/banking77.parquet"


def main() -> None:
    table = pq.read_table(SOURCE)
    in_test = pc.call_function("equal", [table["split"], "test"])
    known = pc.call_function("or", [table["few5"], in_test])
    label = pc.call_function("if_else", [known, table["label"], None])
    table = table.select(["id", "text", "label", "split"])
    table = table.set_column(2, "label", label).replace_schema_metadata(None)
    pq.write_table(table, TARGET, compression="zstd", compression_level=19)
    print(f"{TARGET}: {table.num_rows} rows, {TARGET.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
