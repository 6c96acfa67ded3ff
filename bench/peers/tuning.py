"""Fine-tuning a transformer with Hugging Face's Trainer as far as the budget goes.

The speed of a few steps says how many epochs fit, so that the rate has fallen to 0 when the budget ends. The
rates are tried in turn while a whole training fits. Without val rows the best number of epochs is then
trained again on all labelled rows, if that fits too.
"""

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from transformers import AutoTokenizer, DataCollatorWithPadding, Trainer, TrainingArguments, set_seed

import contract
import stopping

_EPOCHS, _FEWEST, _STEPS = 40, 5, 3000  # at most 40, or as many as 3,000 steps make, but 5 at least
_PATIENCE = 5  # epochs without a better one
_BATCH, _JUDGED_BATCH, _JUDGED = 16, 64, 1000  # judging rows at most: they are judged every epoch
_MOST_TOKENS = 256
_TRIED_STEPS = 8
_PREDICTED = 0.9  # of the time left is planned for
_JUDGING = 1 / 3  # what judging a row takes of what learning from it takes

Examples = list[dict[str, Any]]


@dataclass(frozen=True, eq=False)
class Tuned:
    """A fine-tuned model and how it came about."""

    model: torch.nn.Module
    rate: float
    best_epoch: int
    accuracy: float  # on the judging rows, 0 to 1; -1 = there are none
    stopped: bool  # by the budget
    again: bool = False  # trained again on all labelled rows


@dataclass(frozen=True, eq=False)
class Tuning:
    """Fine-tuning models that ``made`` begins."""

    task: contract.Task
    made: Callable[[], torch.nn.Module]
    clock: contract.Clock
    tokenizer: Any

    def best(self, rates: tuple[float, ...]) -> tuple[Tuned, float]:
        """Return the best model of all rates, and how many epochs were planned."""
        task = self.task
        learn, judge = (self.examples(rows) for rows in task.parts)
        drawn = np.random.default_rng(task.seed).permutation(len(judge))[:_JUDGED]
        judge = [judge[at] for at in drawn]
        epoch_seconds = self._epoch_seconds(learn, judge, rates[0])
        steps = -(-len(learn) // _BATCH)
        fit = _PREDICTED * (task.budget_seconds - self.clock.seconds) / epoch_seconds
        planned = min(_EPOCHS, max(_FEWEST, _STEPS / steps), max(fit, 1 / steps))
        found: list[Tuned] = []
        took = 0.0
        for rate in rates:
            if found and not self.clock.has(took / _PREDICTED):
                break
            start = time.monotonic()
            found.append(self._judged(learn, judge, rate, planned))
            took = time.monotonic() - start
        best = max(found, key=lambda one: one.accuracy)
        if task.held_out and judge and self.clock.has(1.25 * best.best_epoch * epoch_seconds / _PREDICTED):
            pace, ends = stopping.Paced(self.clock), stopping.UntilEpoch(best.best_epoch)
            every = self.examples(task.train)
            model = self._trained(every, [], best.rate, [pace, ends], num_train_epochs=planned)
            if not pace.stopped:
                best = replace(best, model=model, again=True)
        return best, planned

    def examples(self, rows: np.ndarray) -> Examples:
        """Return tokenised rows with their labels."""
        found = self.tokenizer(self.task.of(rows), truncation=True, max_length=_MOST_TOKENS)
        return [
            {**{name: values[at] for name, values in found.items()}, "labels": int(self.task.labels[row])}
            for at, row in enumerate(rows)
        ]

    @torch.inference_mode()
    def probabilities(self, model: torch.nn.Module, texts: list[str]) -> np.ndarray:
        """Return the probabilities of texts, [texts, known classes]."""
        parts = []
        for at in range(0, len(texts), _JUDGED_BATCH):
            batch = self.tokenizer(
                texts[at : at + _JUDGED_BATCH],
                truncation=True,
                max_length=_MOST_TOKENS,
                padding=True,
                return_tensors="pt",
            )
            parts.append(model(**batch).logits.softmax(1).numpy())
        return np.concatenate(parts)

    def _epoch_seconds(self, learn: Examples, judge: Examples, rate: float) -> float:
        pace = stopping.Paced(self.clock)
        self._trained(learn, [], rate, [pace], max_steps=_TRIED_STEPS)
        return pace.step_seconds * (len(learn) + _JUDGING * len(judge)) / _BATCH

    def _judged(self, learn: Examples, judge: Examples, rate: float, epochs: float) -> Tuned:
        pace = stopping.Paced(self.clock)
        kept = stopping.BestEpoch(pace, _PATIENCE)
        model = self._trained(learn, judge, rate, [pace, kept], num_train_epochs=epochs)
        if kept.weights:
            kept.restore(model)
        return Tuned(model, rate, kept.epoch, kept.accuracy, pace.stopped)

    def _trained(
        self, learn: Examples, judge: Examples, rate: float, callbacks: list[Any], **extent: float
    ) -> torch.nn.Module:
        set_seed(self.task.seed)
        model = self.made()
        with tempfile.TemporaryDirectory() as folder:
            arguments = TrainingArguments(
                folder,
                use_cpu=True,
                learning_rate=rate,
                per_device_train_batch_size=_BATCH,
                per_device_eval_batch_size=_JUDGED_BATCH,
                eval_strategy="epoch" if judge else "no",
                save_strategy="no",
                dataloader_pin_memory=False,
                disable_tqdm=True,
                report_to="none",
                seed=self.task.seed,
                **extent,
            )
            Trainer(
                model,
                arguments,
                data_collator=DataCollatorWithPadding(self.tokenizer),
                train_dataset=learn,
                eval_dataset=judge or None,
                compute_metrics=_accuracy,
                callbacks=callbacks,
            ).train()
        return model.eval()


def result(
    task: contract.Task,
    made: Callable[[], torch.nn.Module],
    rates: tuple[float, ...],
    packages: tuple[str, ...],
    settings: dict[str, Any],
) -> tuple[np.ndarray, contract.Facts]:
    """Fine-tune, predict the test rows and tell of it."""
    torch.set_num_threads(task.threads)
    clock = contract.Clock(task.budget_seconds)
    tuning = Tuning(task, made, clock, AutoTokenizer.from_pretrained(task.encoder))
    best, planned = tuning.best(rates)
    seconds = clock.seconds
    sizes = [(part.numel(), part.requires_grad) for part in best.model.parameters()]
    total = sum(size for size, _ in sizes)
    note = f"the budget allowed {planned:.1f} epochs" if planned < _FEWEST else ""
    if best.stopped:
        note = f"stopped by the budget; the best epoch of {planned:.1f} planned was {best.best_epoch}"
    return tuning.probabilities(best.model, task.of(task.test)), contract.Facts(
        train_seconds=seconds,
        learned_parameters=sum(size for size, learned in sizes if learned),
        total_parameters=total,
        size_bytes=4 * total + (task.encoder / "tokenizer.json").stat().st_size,
        packages=packages,
        settings={
            "rate": best.rate,
            "batch": _BATCH,
            "planned_epochs": round(planned, 2),
            "best_epoch": best.best_epoch,
            "judged_accuracy": round(best.accuracy, 4),
            "trained_again_on_all_labels": best.again,
            **settings,
        },
        latency_ms=contract.latency_ms(
            lambda text: tuning.probabilities(best.model, [text]), task.of(task.test)
        ),
        note=note,
    )


def _accuracy(judged: Any) -> dict[str, float]:
    return {"accuracy": float((judged.predictions.argmax(axis=1) == judged.label_ids).mean())}
