"""Whole graphs: a network over molecules, pre-trained without labels and tuned in several ways.

python examples/molecules.py [--set bbbp] [--seeds 1] [--epochs 10] [--pretraining 4]

Needs `pip install 'graphtune[pyg]' rdkit`, and the molecule sets (SMILES with a scaffold split) in the folder
``mol`` of the directory that GRAPHTUNE_DATA names. A GIN is pre-trained on the training molecules of all sets
by restoring masked atoms (attribute masking, Hu et al. 2020), then tuned on one set; molecules that judge are
left out before. What is printed is the area under the ROC curve on molecules whose scaffolds training never
saw, averaged over tasks.
"""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from statistics import mean, stdev

import numpy as np
import pyarrow.parquet as pq
import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch_geometric.data import Data
from torch_geometric.nn import GINEConv, global_mean_pool

import graphtune
from graphtune.metric import auroc
from graphtune.model.pyg_graphs import graph_scores, together
from graphtune.strategy import BSS, GPF, L2SP, AdapterGNN, BitFit, Full, LinearProbe, Strategy
from graphtune.train import Training

SETS = ("bace", "bbbp", "clintox", "tox21")
ATOMS, CHIRALITIES, BONDS, DIRECTIONS = 119, 4, 5, 3  # kinds; the last atom is the mask
MASK, SHARE = ATOMS - 1, 0.15
WIDTH, DEPTH, TOGETHER = 64, 4, 128  # features, layers, molecules of a step


class Molecules(nn.Module):
    """Embedded atoms, GIN layers that read bonds, the mean over atoms, and a linear head."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.atoms, self.chirality = nn.Embedding(ATOMS, WIDTH), nn.Embedding(CHIRALITIES, WIDTH)
        self.bonds, self.directions = nn.Embedding(BONDS, WIDTH), nn.Embedding(DIRECTIONS, WIDTH)
        self.layers = nn.ModuleList(GINEConv(perceptron()) for _ in range(DEPTH))
        self.norms = nn.ModuleList(nn.BatchNorm1d(WIDTH) for _ in range(DEPTH))
        self.head = nn.Linear(WIDTH, outputs)

    def nodes(self, x, edge_index, edge_attr):
        """Return a row for every atom."""
        x = self.atoms(x[:, 0]) + self.chirality(x[:, 1])
        bonds = self.bonds(edge_attr[:, 0]) + self.directions(edge_attr[:, 1])
        for layer, norm in zip(self.layers, self.norms, strict=True):
            x = torch.relu(norm(layer(x, edge_index, bonds)))
        return x

    def forward(self, x, edge_index, edge_attr, batch):
        """Return a row of scores for every molecule."""
        return self.head(global_mean_pool(self.nodes(x, edge_index, edge_attr), batch))


def perceptron() -> nn.Module:
    """Return what a GIN layer applies to each atom."""
    return nn.Sequential(nn.Linear(WIDTH, 2 * WIDTH), nn.ReLU(), nn.Linear(2 * WIDTH, WIDTH))


def read(place: Path) -> tuple[list[Data], dict[str, list[int]]]:
    """Return the molecules of a set, and the numbers of those of each part of its split."""
    rows = pq.read_table(place).to_pylist()
    tasks = [name for name in rows[0] if name not in ("id", "smiles", "split")]
    found, parts = [], {"train": [], "val": [], "test": []}
    for row in rows:
        molecule = featurised(row["smiles"])
        if molecule is None:
            continue
        molecule.y = torch.tensor([[float("nan") if row[task] is None else row[task] for task in tasks]])
        parts[row["split"]].append(len(found))
        found.append(molecule)
    return found, parts


def featurised(smiles: str) -> Data | None:
    """Return a molecule as Hu et al. describe it: kinds of atoms and bonds alone; None if it is none."""
    from rdkit import Chem, RDLogger

    RDLogger.DisableLog("rdApp.*")
    molecule = Chem.MolFromSmiles(smiles)
    if molecule is None or not molecule.GetNumAtoms():
        return None
    atoms = [
        (min(atom.GetAtomicNum(), MASK - 1), min(int(atom.GetChiralTag()), CHIRALITIES - 1))
        for atom in molecule.GetAtoms()
    ]
    kinds = {
        Chem.BondType.SINGLE: 0,
        Chem.BondType.DOUBLE: 1,
        Chem.BondType.TRIPLE: 2,
        Chem.BondType.AROMATIC: 3,
    }
    ends, bonds = [], []
    for bond in molecule.GetBonds():
        one, other = bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()
        kind = (kinds.get(bond.GetBondType(), BONDS - 1), min(int(bond.GetBondDir()), DIRECTIONS - 1))
        ends += [(one, other), (other, one)]
        bonds += [kind, kind]
    return Data(
        name=Chem.MolToSmiles(molecule),
        x=torch.tensor(atoms),
        edge_index=torch.tensor(ends, dtype=torch.int64).reshape(-1, 2).t().contiguous(),
        edge_attr=torch.tensor(bonds, dtype=torch.int64).reshape(-1, 2),
    )


def pretrained(molecules: Sequence[Data], epochs: int, seed: int) -> Molecules:
    """Return a network that has learned to tell masked atoms from what is bound to them."""
    torch.manual_seed(seed)
    # Each set has labels of its own, which none of this reads.
    molecules = [Data(x=one.x, edge_index=one.edge_index, edge_attr=one.edge_attr) for one in molecules]
    network, kinds = Molecules(1), nn.Linear(WIDTH, ATOMS)
    optimiser = torch.optim.Adam([*network.parameters(), *kinds.parameters()], 1e-3)
    for _ in range(epochs):
        for some in torch.randperm(len(molecules)).split(TOGETHER):
            batch = together([molecules[int(number)] for number in some])
            hidden = torch.rand(batch.num_nodes) < SHARE
            x = batch.x.clone()
            x[hidden] = torch.tensor([MASK, 0])
            rows = network.nodes(x, batch.edge_index, batch.edge_attr)[hidden]
            loss = cross_entropy(kinds(rows), batch.x[hidden, 0])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    return network


def area(network: nn.Module, molecules: Sequence[Data]) -> float:
    """Return the mean area under the ROC curve, in per cent, of tasks that have molecules of both kinds."""
    scores = graph_scores(network, molecules).numpy()
    answers = np.concatenate([molecule.y.numpy() for molecule in molecules])
    found = []
    for own, true in zip(scores.T, answers.T, strict=True):
        known = ~np.isnan(true)
        found.append(auroc(own[known].astype(np.float64), true[known] == 1))
    return 100 * float(np.nanmean(found))


def methods(epochs: int) -> dict[str, tuple[bool, Strategy]]:
    """Return what is compared: whether it starts from the pre-trained network, and how it is tuned."""
    return {
        "random start, full": (False, Full(rate=1e-3, decay=0.0, epochs=epochs)),
        "full": (True, Full(rate=1e-3, decay=0.0, epochs=epochs)),
        "linear probe": (True, LinearProbe(rate=1e-2, epochs=epochs)),
        "BitFit": (True, BitFit(rate=1e-2, epochs=epochs)),
        "AdapterGNN": (True, AdapterGNN(rate=1e-3, head_rate=1e-2, epochs=epochs)),
        "GPF": (True, GPF(rate=1e-2, head_rate=1e-2, epochs=epochs)),
        "L2-SP": (True, L2SP(alpha=1e-3, rate=1e-3, epochs=epochs)),
        "BSS": (True, BSS(rate=1e-3, decay=0.0, epochs=epochs)),
    }


def measured(
    molecules: list[Data],
    parts: dict[str, list[int]],
    every: Sequence[Data],
    seed: int,
    *,
    epochs: int,
    pretraining: int,
) -> dict[str, tuple[float, float]]:
    """Return the area of each method, and the share of all numbers that it learns."""
    start = pretrained(every, pretraining, seed)
    found = {}
    for name, (warm, strategy) in methods(epochs).items():
        torch.manual_seed(seed)
        network = Molecules(molecules[0].y.shape[1])
        fresh = network.head
        if warm:
            network = deepcopy(start)
            network.head = fresh
        count = sum(p.numel() for p in network.parameters())
        tuned = graphtune.tune(
            network,
            molecules,
            strategy,
            train=parts["train"],
            val=parts["val"],
            settings=Training(batch_rows=TOGETHER, patience=None),
            seed=seed,
        )
        share = tuned.history.phases[-1].learned / count
        found[name] = area(network, [molecules[at] for at in parts["test"]]), share
    return found


def unlabelled(sets: dict[str, tuple[list[Data], dict[str, list[int]]]], judged: str) -> list[Data]:
    """Return the training molecules of all sets, but those that judge on one of them."""
    molecules, parts = sets[judged]
    judging = {molecules[at].name for part in ("val", "test") for at in parts[part]}
    every = [found[at] for found, parts in sets.values() for at in parts["train"]]
    return [molecule for molecule in every if molecule.name not in judging]


def main(arguments: Sequence[str] | None = None) -> int:
    """Read, pre-train, tune and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--set", choices=SETS, default="bbbp", help="molecules that are tuned on")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=10, help="of tuning, at most")
    parser.add_argument("--pretraining", type=int, default=4, help="epochs of pre-training")
    given = parser.parse_args(arguments)
    if given.seeds < 1:
        parser.error("--seeds must be 1 or more")
    place = Path(os.environ.get("GRAPHTUNE_DATA", "../shared/data")) / "mol"
    files = [place / f"{name}.parquet" for name in SETS]
    if not all(file.is_file() for file in files):
        print(f"skipped: {place} does not hold {', '.join(SETS)}; set GRAPHTUNE_DATA.", file=sys.stderr)
        return 0
    begun = time.monotonic()
    sets = {name: read(file) for name, file in zip(SETS, files, strict=True)}
    (molecules, parts), every = sets[given.set], unlabelled(sets, given.set)
    print(f"{given.set}: {len(molecules):,} molecules; pre-trained on {len(every):,} without a label")
    amount = {"epochs": given.epochs, "pretraining": given.pretraining}
    each = [measured(molecules, parts, every, seed, **amount) for seed in range(given.seeds)]
    for name in each[0]:
        areas, (_, share) = [found[name][0] for found in each], each[0][name]
        spread = f" ± {stdev(areas):.1f}" if len(areas) > 1 else ""
        print(f"{name:20} {mean(areas):5.1f}{spread}  learns {share:.0%} of the numbers")
    print(f"{time.monotonic() - begun:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
