"""All texts labelled: tune the encoder, and serve it by itself, without a graph.

    python examples/all_labels.py [BUDGET] [DIRECTORY]

The directory then holds a model that ``graphtune predict`` reads; its folder ``encoder`` is one that
transformers and sentence-transformers read.
"""

import sys
from importlib.resources import files
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from transformers import AutoModel

from graphtune import TextClassifier

CLASSES = 6


def main(budget: str = "90s", directory: str = "all-labels-model") -> None:
    """Fit on two thirds of the labelled test questions of a few classes, and judge by the others."""
    rows = pq.read_table(str(files("graphtune") / "cli/banking77/banking77.parquet")).to_pandas()
    names = sorted(rows.label.dropna().unique())[:CLASSES]
    labelled = rows[rows.label.isin(names)].sample(frac=1.0, random_state=0)
    cut = 2 * len(labelled) // 3
    learn, test = labelled[:cut], labelled[cut:]
    print(f"{len(learn)} labelled texts of {CLASSES} classes, {len(test)} to judge")

    model = TextClassifier(budget=budget, serve_as="encoder").fit(learn.text, learn.label)
    print(f"{np.mean(model.predict(test.text) == test.label.to_numpy()):.1%} right")
    model.save(directory)

    again = TextClassifier.load(directory)
    assert (again.predict(test.text) == model.predict(test.text)).all()
    weights = AutoModel.from_pretrained(Path(directory) / "encoder")
    print(f"{Path(directory) / 'encoder'}: {type(weights).__name__}, {weights.num_parameters():,} weights")


if __name__ == "__main__":
    main(*sys.argv[1:])
