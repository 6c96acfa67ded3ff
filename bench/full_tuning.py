"""Full fine-tuning as most people do it: Hugging Face's Trainer, every weight, three epochs.

Settings are Trainer's own: AdamW, a rate that falls to 0, batches in a random order, padded to their longest
text. The rate suits an encoder as small as MiniLM: at Trainer's 5e-5 it learns less in three epochs.
"""

import tempfile
import time
from pathlib import Path
from typing import Any

import protocols
import trainer
from graphtune.table import Table

RATE, EPOCHS, BATCH = 1e-4, 3, 16
_READ_AT_ONCE = 64


def full_tuning(table: Table, directory: Path, *, seed: int = 0) -> dict[str, Any]:
    """Return the accuracy on the test rows in % and the seconds, from loading to reading them."""
    from transformers import (
        AutoModelForSequenceClassification,
        AutoTokenizer,
        DataCollatorWithPadding,
        Trainer,
        TrainingArguments,
        set_seed,
    )

    learned, judged = (protocols.labelled(table, split) for split in ("train", "test"))
    start = time.monotonic()
    tokenizer = AutoTokenizer.from_pretrained(directory)
    set_seed(seed)
    model = AutoModelForSequenceClassification.from_pretrained(directory, num_labels=len(table.classes))
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            folder,
            learning_rate=RATE,
            num_train_epochs=EPOCHS,
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
        )
        loop.train()
        scores = loop.predict(trainer.examples(table, judged, tokenizer)).predictions  # type: ignore[arg-type]
    seconds = time.monotonic() - start
    right = scores.argmax(axis=1) == table.labels[judged]
    return {
        "program": "Hugging Face Trainer",
        "rate": RATE,
        "epochs": EPOCHS,
        "batch": BATCH,
        "accuracy": round(100 * float(right.mean()), 2),
        "seconds": round(seconds, 1),
        "labelled": len(learned),
    }
