"""Full fine-tuning as most people do it: Hugging Face's Trainer, every weight, three epochs.

Settings are Trainer's own: AdamW, a rate that falls to 0, batches in a random order, padded to their longest
text. The rate suits an encoder as small as MiniLM: at Trainer's 5e-5 it learns less in three epochs.

Of long texts a few steps are timed, and what all take is worked out from them.
"""

import math
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

import protocols
import trainer
from graphtune.table import Table

NAME = "full_tuning"
RATE, EPOCHS, BATCH = 1e-4, 3, 16
_READ_AT_ONCE = 64
_FIRST_STEPS = 3  # that take longer than the others
_READ_OF_STEPS = 5 * _READ_AT_ONCE  # test rows that are read where only steps are timed


def full_tuning(table: Table, directory: Path, *, seed: int = 0, steps: int | None = None) -> dict[str, Any]:
    """Return the accuracy on the test rows in % and the seconds, from loading to reading them.

    With ``steps`` only so many are made, and a few test rows are read: the seconds of all are worked out from
    these, without the first steps, which take longer; there is no accuracy then.
    """
    from transformers import (
        AutoModelForSequenceClassification,
        AutoTokenizer,
        DataCollatorWithPadding,
        Trainer,
        TrainingArguments,
        set_seed,
    )

    learned, judged = (protocols.labelled(table, split) for split in ("train", "test"))
    read = judged if steps is None else np.random.default_rng(seed).permutation(judged)[:_READ_OF_STEPS]
    clock = _clock()
    start = time.monotonic()
    tokenizer = AutoTokenizer.from_pretrained(directory)
    set_seed(seed)
    model = AutoModelForSequenceClassification.from_pretrained(directory, num_labels=len(table.classes))
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            folder,
            learning_rate=RATE,
            num_train_epochs=EPOCHS,
            max_steps=-1 if steps is None else steps,
            per_device_train_batch_size=BATCH,
            per_device_eval_batch_size=_READ_AT_ONCE,
            save_strategy="no",
            dataloader_pin_memory=False,
            disable_tqdm=True,
            report_to="none",
            seed=seed,
        )
        loop = Trainer(
            model,
            arguments,
            data_collator=DataCollatorWithPadding(tokenizer),
            train_dataset=trainer.examples(table, learned, tokenizer),  # type: ignore[arg-type]
            callbacks=[clock],
        )
        loop.train()
        trained = time.monotonic()
        scores = loop.predict(trainer.examples(table, read, tokenizer)).predictions  # type: ignore[arg-type]
    reading = time.monotonic() - trained
    every = EPOCHS * math.ceil(len(learned) / BATCH)
    seconds = trained - start + reading * len(judged) / len(read)
    if steps is not None:
        seconds += (every - steps) * clock.each
    right = scores.argmax(axis=1) == table.labels[read]
    return {
        "program": "Hugging Face Trainer",
        "rate": RATE,
        "epochs": EPOCHS,
        "batch": BATCH,
        "accuracy": round(100 * float(right.mean()), 2) if steps is None else None,
        "seconds": round(seconds, 1),
        "timed_steps": every if steps is None else steps,
        "labelled": len(learned),
    }


def _clock() -> Any:
    """Return what knows how long a step takes once the first ones are made."""
    from transformers import TrainerCallback

    class Clock(TrainerCallback):
        def __init__(self) -> None:
            self.ends: list[float] = []

        def on_step_end(self, *_: Any, **named: Any) -> None:
            self.ends.append(time.monotonic())

        @property
        def each(self) -> float:
            later = self.ends[_FIRST_STEPS:]
            return (later[-1] - later[0]) / (len(later) - 1)

    return Clock()
