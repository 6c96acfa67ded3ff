"""One phase of training, from its first batch (or a checkpoint) to the weights that are kept."""

import hashlib
import math
import time
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from graphtune.errors import PlanError, TrainError
from graphtune.graph import Sampler
from graphtune.loss import CrossEntropy
from graphtune.model import Problem, Step, Task
from graphtune.phase import Phase
from graphtune.progress import bar
from graphtune.train.checkpoint import Checkpoints
from graphtune.train.halt import Halt
from graphtune.train.history import Epoch, PhaseHistory, Stop
from graphtune.train.schedule import share
from graphtune.train.settings import Training
from graphtune.train.tensorboard import Board
from graphtune.train.weights import copied, learned, live, only, put


@dataclass
class Position:
    """Where a phase stands; all of it goes into a checkpoint."""

    step: int = 0  # batches done in the running epoch
    loss: float = 0.0  # of those batches, summed over rows
    seconds: float = 0.0  # of those batches
    best: int | None = None  # epoch with the best validation so far
    best_val: tuple[float, float] = (math.inf, 0.0)  # its loss and its accuracy, negated: less is better
    epochs: list[Epoch] = field(default_factory=list)

    def facts(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return asdict(self)

    @classmethod
    def of(cls, facts: dict[str, Any]) -> "Position":
        """Rebuild from `facts`."""
        epochs = [Epoch(**epoch) for epoch in facts["epochs"]]
        return cls(**{**facts, "best_val": tuple(facts["best_val"]), "epochs": epochs})


@dataclass(frozen=True, eq=False)
class Surroundings:
    """What all phases of a training share."""

    model: nn.Module
    task: Problem
    settings: Training
    seed: int
    halt: Halt
    store: Checkpoints | None
    board: Board | None


class PhaseLoop:
    """Trains one phase."""

    def __init__(self, phase: Phase, number: int, around: Surroundings) -> None:
        self.phase, self.number, self.around = phase, number, around
        self.model, self.settings = around.model, around.settings
        self.task: Problem = around.task if phase.task is None else phase.task
        self.parameters = learned(phase, self.model)
        groups = [{"params": g.parameters, "lr": g.rate, "weight_decay": g.decay} for g in phase.groups]
        self.optimiser = torch.optim.AdamW(groups, fused=True)
        self.position = Position()
        self.best: dict[str, Tensor] = {}
        self.saved = time.monotonic()
        rows = self.task.train.numel()
        if not rows:
            raise TrainError(
                f"Phase '{phase.name}' has no row to train on.",
                fix="label more rows, or use another strategy.",
            )
        self.batch_rows = min(phase.batch_rows or self.settings.batch_rows or rows, rows)
        self.batches = -(-rows // self.batch_rows)
        self.validates = phase.stopping and self.task.val.numel() > 0
        one = self.batches == 1 and self.settings.sampler is None
        self.whole = self.task.batch(self.task.train) if one else None
        self.sampler = self._reach()

    def run(self) -> PhaseHistory:
        """Train to the end and return the history; the model then holds the weights that are kept.

        Raises:
            TrainError: a loss or a gradient is not finite; the model holds the last good weights.
            KeyboardInterrupt: the user stopped it; a checkpoint was written.
        """
        self._go_on()
        epochs = float(self.phase.epochs)
        with only(self.parameters, self.model), bar(self.phase.name, epochs, "epochs") as shown:
            shown.advance(float(len(self.position.epochs)))
            try:
                while not (stopped := self._stopped()):
                    if self._epoch():
                        shown.advance(1.0)
            except TrainError:
                put(self.best, self.model)
                raise
        put(self.best, self.model)
        history = self._history(stopped)
        store = self.around.store
        if store and not self.around.halt.cut:
            store.end_phase(self.number, {**self._weights(), "rng": torch.get_rng_state()}, history)
        return history

    def _history(self, stopped: Stop) -> PhaseHistory:
        count = sum(p.numel() for p in self.parameters)
        position = self.position
        return PhaseHistory(self.phase.name, tuple(position.epochs), position.best, stopped, count)

    def _stopped(self) -> Stop | None:
        done, patience = len(self.position.epochs), self.settings.patience
        if done >= self.phase.epochs:
            return "epochs"
        waited = done - (self.position.best or 0)
        if (
            self.validates
            and patience is not None
            and waited >= patience
            and done >= self.settings.min_epochs
        ):
            return "patience"
        if self.around.halt.late:
            if self.settings.paced and done:
                return "time"
            if not self.around.halt.cut:
                # A longer deadline goes on from here.
                self._save()
            self.around.halt.cut = True
            return "deadline"
        return None

    def _epoch(self) -> bool:
        """Train an epoch; False if it was cut short by the deadline."""
        position, started = self.position, time.monotonic()
        before = position.seconds
        self.model.train()
        rows = self._rows()
        seen = sum(map(len, rows[: position.step]))  # before a resume
        for batch_number in range(position.step, self.batches):
            if self.around.halt.late:
                if not (self.settings.paced and (position.step or position.epochs)):
                    return False
                break  # what was done of the epoch counts
            batch = self.whole or self._batch(rows[batch_number], batch_number)
            loss = self._step(batch, batch_number)
            position.step += 1
            position.loss += loss * batch.rows.numel()
            seen += batch.rows.numel()
            position.seconds = before + time.monotonic() - started
            if batch_number + 1 < self.batches:
                self._pause()
        if self.phase.refresh is not None:
            self.model.eval()
            self.phase.refresh()
        val_loss, val_accuracy = self._validate()
        epoch = Epoch(
            self.phase.name,
            len(position.epochs) + 1,
            position.loss / max(1, seen),
            val_loss,
            val_accuracy,
            self.optimiser.param_groups[0]["lr"],
            before + time.monotonic() - started,
        )
        self._close(epoch)
        return True

    def _close(self, epoch: Epoch) -> None:
        position = self.position
        position.epochs.append(epoch)
        position.step, position.loss, position.seconds = 0, 0.0, 0.0
        if self.validates and epoch.val_loss is not None and epoch.val_accuracy is not None:
            val = (epoch.val_loss, -epoch.val_accuracy)
            if val < position.best_val:
                position.best, position.best_val = epoch.epoch, val
                self.best = copied(live(self.model, self.parameters))
        if self.around.board:
            self.around.board.add(self.number, epoch)
        self._pause()

    def _rows(self) -> tuple[Tensor, ...]:
        if self.whole is not None:
            return ()
        generator = torch.Generator().manual_seed(self._drawn())
        order = torch.randperm(self.task.train.numel(), generator=generator)
        return self.task.pieces(self.task.train[order.to(self.task.train.device)], self.batch_rows)

    def _batch(self, rows: Tensor, number: int) -> Step:
        if self.sampler is None:
            return self.task.batch(rows)
        assert isinstance(self.task, Task)
        return self.task.sampled(rows, self.sampler, np.random.default_rng(self._drawn(number)))

    def _drawn(self, *more: int) -> int:
        """Return a seed for this epoch: it depends on nothing that a checkpoint would have to hold."""
        numbers = (self.around.seed, self.number, len(self.position.epochs), *more)
        return int.from_bytes(hashlib.blake2b(repr(numbers).encode(), digest_size=7).digest())

    def _reach(self) -> Sampler | None:
        """Return what draws neighbours as far as the phase's loss depends on them."""
        sampler = self.settings.sampler
        if sampler is None:
            return None
        if not isinstance(self.task, Task):
            raise PlanError("A sampler draws neighbours in a graph; texts have none.", fix="leave it out.")
        hops: int = self.model.hops  # type: ignore[assignment]
        if len(sampler.fanouts) < hops:
            raise PlanError(
                f"fanouts = {sampler.fanouts} reach {len(sampler.fanouts)} hops, the layers {hops}.",
                fix="give one fanout for each hop.",
            )
        return sampler.reaching(hops + self.phase.further)

    def _step(self, batch: Step, number: int) -> float:
        done, steps = len(self.position.epochs) * self.batches + number, self.phase.epochs * self.batches
        if self.settings.paced:
            done = max(done, min(steps - 1, int(self.around.halt.share * steps)))
        factor = share(
            done,
            steps,
            schedule=self.settings.schedule,
            warmup=self.settings.warmup,
        )
        for group, ours in zip(self.optimiser.param_groups, self.phase.groups, strict=True):
            group["lr"] = ours.rate * factor
        self.optimiser.zero_grad()
        loss = self.phase.loss(batch)
        value = float(loss.detach())
        self._finite(value, "loss", f"batch {number + 1}")
        if loss.requires_grad:
            loss.backward()
        gradients = [p.grad for p in self.parameters if p.grad is not None]
        norm = nn.utils.get_total_norm(gradients)
        self._finite(float(norm), "gradient", f"batch {number + 1}")
        if self.settings.clip is not None:
            nn.utils.clip_grads_with_norm_(self.parameters, self.settings.clip, norm)
        self.optimiser.step()
        return value

    def _validate(self) -> tuple[float | None, float | None]:
        """Return cross-entropy and accuracy on the validation rows, from one forward pass."""
        if not self.task.val.numel():
            return None, None
        self.model.eval()
        labels, weights = self.task.held
        with torch.no_grad():
            logits = self.task.judged(self.model, self.settings.sampler)
            loss = float(CrossEntropy()(logits, labels, weights))
            accuracy = float((logits.argmax(1) == labels).float().mean())
        if self.validates:
            self._finite(loss, "loss", "validation")
        return loss, accuracy

    def _finite(self, value: float, what: str, where: str) -> None:
        if not math.isfinite(value):
            raise TrainError(
                f"The {what} is {value} in phase '{self.phase.name}', epoch {len(self.position.epochs) + 1}, "
                f"{where}.",
                fix="lower the strategy's rate, set training.clip = 1.0, or look for extreme features.",
            )

    def _pause(self) -> None:
        """Write a checkpoint if one is due or the user wants to stop."""
        interrupted = self.around.halt.interrupted
        if interrupted or time.monotonic() - self.saved >= self.settings.checkpoint_seconds:
            self._save()
        if interrupted:
            raise KeyboardInterrupt

    def _weights(self) -> dict[str, Tensor]:
        return {f"weights.{n}": t for n, t in live(self.model, self.parameters).items()}

    def _save(self) -> None:
        if self.around.store is None:
            return
        tensors = {**self._weights(), "rng": torch.get_rng_state()}
        tensors |= {f"best.{n}": t for n, t in self.best.items()}
        for index, state in self.optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser.{index}.{name}": tensor for name, tensor in state.items()}
        self.around.store.save_inside(self.number, tensors, self.position.facts(), self.position.epochs)
        self.saved = time.monotonic()

    def _go_on(self) -> None:
        """Take up the last checkpoint of this phase, if there is one."""
        found = self.around.store.inside(self.number) if self.around.store else None
        if found is None:
            return
        tensors, facts = found
        self.position = Position.of(facts)
        put(named(tensors, "weights."), self.model)
        self.best = named(tensors, "best.")
        state: dict[int, dict[str, Tensor]] = {}
        for name, tensor in named(tensors, "optimiser.").items():
            index, _, key = name.partition(".")
            state.setdefault(int(index), {})[key] = tensor
        groups = self.optimiser.state_dict()["param_groups"]
        self.optimiser.load_state_dict({"state": state, "param_groups": groups})
        torch.set_rng_state(tensors["rng"])


def named(tensors: dict[str, Tensor], start: str) -> dict[str, Tensor]:
    """Return the tensors whose names begin with ``start``, without it."""
    return {name.removeprefix(start): t for name, t in tensors.items() if name.startswith(start)}
