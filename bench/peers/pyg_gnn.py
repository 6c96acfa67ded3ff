"""PyTorch Geometric: a published graph neural network on the frozen features and the graph.

    python pyg_gnn.py GCN|GAT|APPNP TASK_DIR OUT_DIR

It learns on the graph of the training rows alone, and val and test rows are attached to it afterwards, unless
the task is transductive. The epoch with the least loss on the judging rows is kept, as in the paper of GCN:
with few rows, accuracy says less. Without val rows, all labelled rows are then trained on for as many epochs;
where the budget is too short for both, they are trained on as long as it lasts.
"""

import copy
import sys
import time

import numpy as np

import contract

_EPOCHS, _JUDGED_EVERY = 200, 5  # at most, as published; epochs between two looks at the judging rows
_TRIED_EPOCHS = 3


def run(task: contract.Task, name: str) -> tuple[np.ndarray, contract.Facts]:
    """Train, and predict on the graph with the test rows."""
    import scipy.sparse
    import torch
    from torch.nn.functional import cross_entropy

    import networks

    torch.set_num_threads(task.threads)
    x, y = torch.from_numpy(task.features()), torch.from_numpy(task.labels)
    crow, col, weight = task.graph()
    every = networks.adjacency(name, crow, col, weight)
    inside = np.arange(len(y)) if task.transductive else np.flatnonzero(task.split == "train")
    number = np.full(len(y), -1)  # of a training row among them
    number[inside] = np.arange(len(inside))
    own = scipy.sparse.csr_array((weight, col, crow), shape=(len(y), len(y)))[inside][:, inside].tocsr()
    part = networks.adjacency(name, own.indptr, own.indices, own.data)
    x_part = x[inside]
    clock = contract.Clock(task.budget_seconds - task.graph_seconds)

    def judged_loss(model: networks.Network, judge: np.ndarray) -> float:
        with torch.no_grad():
            model.eval()
            # Rows receive from rows inside alone: the smaller graph tells the same of them.
            out = model(x_part, part)[number[judge]] if task.held_out else model(x, every)[judge]
            return float(cross_entropy(out, y[judge]))

    def trained(learn: np.ndarray, judge: np.ndarray, epochs: int) -> tuple[networks.Network, int, int]:
        """Return the network of the best epoch by ``judge``, else the last; that epoch, and the last."""
        torch.manual_seed(task.seed)
        model = networks.Network(name, x.shape[1], len(task.known))
        adam, best, kept, epoch = model.adam(), float("inf"), None, 0
        while epoch < epochs and clock.has():
            epoch += 1
            model.train()
            adam.zero_grad()
            cross_entropy(model(x_part, part)[number[learn]], y[learn]).backward()
            adam.step()
            if len(judge) and epoch % _JUDGED_EVERY == 0 and (loss := judged_loss(model, judge)) < best:
                best, kept = loss, (copy.deepcopy(model), epoch)
        return *(kept or (model, epoch)), epoch

    learn, judge = task.parts
    start = time.monotonic()
    trained(task.train, judge[:0], _TRIED_EPOCHS)
    once = _EPOCHS * (time.monotonic() - start) / _TRIED_EPOCHS  # seconds
    if not task.held_out:
        model, best, last = trained(learn, judge, _EPOCHS)
    elif len(judge) and clock.has(2.5 * once):
        _, best, last = trained(learn, judge, _EPOCHS)
        model, _, _ = trained(task.train, judge[:0], best)
    else:
        model, best, last = trained(task.train, judge[:0], _EPOCHS)
    seconds = task.graph_seconds + clock.seconds
    with torch.no_grad():
        probabilities = model.eval()(x, every)[task.test].softmax(1).numpy()
    learned = sum(weights.numel() for weights in model.parameters())
    kept = x_part.nbytes + own.data.nbytes + own.indices.nbytes + own.indptr.nbytes
    return probabilities, contract.Facts(
        train_seconds=seconds,
        learned_parameters=learned,
        total_parameters=learned + task.encoder_parameters,
        size_bytes=4 * learned + kept,
        packages=("torch-geometric", "torch", "numpy"),
        settings={"epochs": best, **vars(networks.PUBLISHED[name])},
        note="" if last == _EPOCHS else f"stopped by the budget after {last} of {_EPOCHS} epochs",
    )


if __name__ == "__main__":
    sys.exit(contract.main(run, "GCN", "GAT", "APPNP"))
