"""Few labels, many texts without one: five questions a class, and what the graph and a tuned encoder add.

    python examples/few_labels.py [BUDGET]

Twelve classes of the questions to a bank that come with graphtune, so that it takes a minute or two.
"""

import sys
from importlib.resources import files

import numpy as np
import pyarrow.parquet as pq

from graphtune import TextClassifier

CLASSES, LABELLED = 12, 5


def main(budget: str = "90s") -> None:
    """Fit with a frozen and with a tuned encoder, and compare on test rows that neither has seen."""
    rows = pq.read_table(str(files("graphtune") / "cli/banking77/banking77.parquet")).to_pandas()
    names = sorted(rows.label.dropna().unique())[:CLASSES]
    test = rows[(rows.split == "test") & rows.label.isin(names)]
    train = rows[(rows.split == "train") & rows.label.isin(names)].groupby("label").head(LABELLED)
    others = rows[(rows.split == "train") & rows.label.isna()].sample(1000, random_state=0)
    print(f"{CLASSES} classes: {len(train)} labelled texts, {len(others)} others, {len(test)} to judge")

    for name, settings in (("frozen", {"tune": False}), ("tuned", {})):
        model = TextClassifier(budget=budget, verbose=False, **settings)
        model.fit(train.text, train.label, unlabelled=others.text)
        right = np.mean(model.predict(test.text) == test.label.to_numpy())
        print(f"\n{name}: {right:.1%} right\n  {model.outcome_.verdict.text}")
        for note in model.outcome_.notes:
            print(f"  {note}")


if __name__ == "__main__":
    main(*sys.argv[1:])
