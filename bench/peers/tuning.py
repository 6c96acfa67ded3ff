"""Fine-tuning a transformer with Hugging Face's Trainer as far as the budget goes.

The speed of a few steps says how many epochs fit, so that the rate has fallen to 0 when the budget ends.
Judging rows choose the epoch, and the rate while another whole training fits. Without val rows, the chosen
training is done again on all labelled rows. Where the budget is too short for both, they are trained on once,
with the first rate and as many epochs as fit: a fifth of few labels is worth more than a choice.
"""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from transformers import AutoTokenizer, DataCollatorWithPadding, Trainer, TrainingArguments, set_seed

import contract
import stopping

_EPOCHS, _FEWEST, _STEPS = 40, 5, 3000  # at most 40, or as many as 3,000 steps make, but 5 at least
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
    best_epoch: int | None  # None = nothing was judged
    accuracy: float | None  # on the judging rows, 0 to 1
    stopped: bool  # by the budget


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
        every = self.examples(task.train)
        row_seconds = self._row_seconds(every, rates[0])
        left = _PREDICTED * (task.budget_seconds - self.clock.seconds)
        steps = -(-len(every) // _BATCH)
        most = min(_EPOCHS, max(_FEWEST, _STEPS / steps))
        both = row_seconds * (len(learn) + _JUDGING * len(judge) + len(every))  # an epoch of each
        if task.held_out and (not judge or most * both > left):
            planned = min(most, max(left / (row_seconds * len(every)), 1 / steps))
            pace = stopping.Paced(self.clock)
            model = self._trained(every, [], rates[0], [pace], num_train_epochs=planned)
            return Tuned(model, rates[0], None, None, pace.stopped), planned
        epoch_seconds = row_seconds * (len(learn) + _JUDGING * len(judge))
        planned = min(most, max(left / epoch_seconds, 1 / steps))
        again_seconds = row_seconds * len(every) * planned if task.held_out else 0.0
        found: list[Tuned] = []
        for rate in rates:
            if found and not self.clock.has((planned * epoch_seconds + again_seconds) / _PREDICTED):
                break
            found.append(self._judged(learn, judge, rate, planned))
        best = max(found, key=lambda one: one.accuracy)
        if task.held_out:
            pace, ends = stopping.Paced(self.clock), stopping.UntilEpoch(best.best_epoch)
            model = self._trained(every, [], best.rate, [pace, ends], num_train_epochs=planned)
            if not pace.stopped:
                best = replace(best, model=model, stopped=False)
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

    def _row_seconds(self, learn: Examples, rate: float) -> float:
        pace = stopping.Paced(self.clock)
        self._trained(learn, [], rate, [pace], max_steps=_TRIED_STEPS)
        return pace.step_seconds / min(_BATCH, len(learn))

    def _judged(self, learn: Examples, judge: Examples, rate: float, epochs: float) -> Tuned:
        pace = stopping.Paced(self.clock)
        kept = stopping.BestEpoch(pace)
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
        note = f"stopped by the budget before the end of the {planned:.1f} epochs planned"
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
            "judged_accuracy": best.accuracy,
            **settings,
        },
        latency_ms=contract.latency_ms(
            lambda text: tuning.probabilities(best.model, [text]), task.of(task.test)
        ),
        note=note,
    )


def _accuracy(judged: Any) -> dict[str, float]:
    return {"accuracy": float((judged.predictions.argmax(axis=1) == judged.label_ids).mean())}
