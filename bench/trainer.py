"""How long a whole fit takes beside full fine-tuning of the same encoder with Hugging Face's Trainer.

    python bench/trainer.py [--rows N]
    python bench/trainer.py tune FILE [--rate R] [--format F] [--epochs N] [--rows N]

Both start from the bundled banking77, five labelled questions a class, and end with the accuracy on its test
rows; both are a command of their own, on two cores, ours with an empty cache. The table has no validation
rows: as a user would, `tune` holds out one labelled row of five a class, judges every epoch by them, stops
after five epochs that are no better, and tests the best epoch. Trainer has both usual rates, the one with
more held-out rows right is kept, and then bfloat16, where the processor has it; the faster is compared.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

import bars
import measured
import protocols
import surroundings
import timed
from graphtune.artefact import write_json
from graphtune.encoder.directory import packaged_minilm
from graphtune.table import Columns, Table, read_table

NAME = "trainer"
BAR = 10.0  # times as fast, and more accurate than any way of fine-tuning
_RATES = (1e-4, 5e-5, 2e-5)
_EPOCHS, _PATIENCE = 40, 5  # at most; without a better one
_BATCH, _JUDGED_BATCH = 16, 64
_MOST_TOKENS = 256  # as our encoder reads
_SEED = 0
_DIGITS = 4


@dataclass(frozen=True)
class Settings:
    """Of one fine-tuning."""

    rate: float = _RATES[0]  # step size of AdamW at the start; it falls to 0 over all epochs
    number_format: str = "float32"
    epochs: int = _EPOCHS


@dataclass(frozen=True, eq=False)
class Parts:
    """Rows of the table."""

    learn: np.ndarray
    judge: np.ndarray  # held out of the labelled ones
    test: np.ndarray


def run(out: Path) -> None:
    """Measure, and write the result."""
    result = compared()
    write_json(out / NAME / "banking77-few5.json", result)
    print(line(result), flush=True)


def compared() -> dict[str, Any]:
    """Run fine-tuning in every way, then our command."""
    tuned = [command(Settings(rate)) for rate in _RATES]
    better = max(tuned, key=lambda one: one["held_out_accuracy"])
    hardware = surroundings.hardware()
    if "bfloat16" in hardware["encoding_in"]:
        other = command(Settings(better["settings"]["rate"], "bfloat16"))
        tuned.append(other)
        better = min(better, other, key=lambda one: one["seconds"])
    whole = measured.resources(next(row for row in bars.ROWS if row.resources))
    ours = {name: whole[name] for name in ("command", "seconds", "peak_mib", "cores", "accuracy", "chosen")}
    speed = round(better["seconds"] / ours["seconds"], 3)
    return {
        "dataset": "banking77, 5 labels a class",
        "held_out": "one labelled row of five a class, by fine-tuning alone",
        "graphtune": ours,
        "trainer": better,
        "every_trainer": tuned,
        "ratio": speed,
        "bar": {"ratio": BAR, "accuracy": max(one["accuracy"] for one in tuned)},
        "met": speed >= BAR and ours["accuracy"] > max(one["accuracy"] for one in tuned),
        "versions": surroundings.versions("accelerate"),
        "hardware": hardware,
        "date": surroundings.date(),
    }


def command(settings: Settings, rows: int | None = None) -> dict[str, Any]:
    """Fine-tune in a process of its own; return what came of it, its seconds and its peak memory."""
    with tempfile.TemporaryDirectory() as name:
        told = Path(name) / "told.json"
        options = ["--rate", str(settings.rate), "--format", settings.number_format]
        options += ["--epochs", str(settings.epochs), *([] if rows is None else ["--rows", str(rows)])]
        tune_ = [sys.executable, __file__, "tune", str(told), *options]
        try:
            facts = timed.in_own_process(tune_, cores=measured.CORES)
        except RuntimeError as failed:
            raise RuntimeError(f"fine-tuning in {settings} failed") from failed
        return json.loads(told.read_text(encoding="utf-8")) | facts


def tune(settings: Settings, rows: int | None = None, directory: Path | None = None) -> dict[str, Any]:
    """Fine-tune the packaged encoder, or the one in ``directory``, and test it once."""
    from transformers import (
        AutoModelForSequenceClassification,
        AutoTokenizer,
        DataCollatorWithPadding,
        EarlyStoppingCallback,
        Trainer,
        TrainingArguments,
        set_seed,
    )

    place = packaged_minilm() if directory is None else directory
    table = read_table(protocols.BUNDLED, Columns("text", "label", "split", "id"), purpose="fit")
    parts = parted(table, rows)
    tokenizer = AutoTokenizer.from_pretrained(place)
    set_seed(_SEED)
    model = AutoModelForSequenceClassification.from_pretrained(place, num_labels=len(table.classes))
    learn, judge, test = (examples(table, one, tokenizer) for one in (parts.learn, parts.judge, parts.test))
    with tempfile.TemporaryDirectory() as name:
        arguments = TrainingArguments(
            output_dir=name,
            use_cpu=True,
            bf16=settings.number_format == "bfloat16",
            learning_rate=settings.rate,
            num_train_epochs=settings.epochs,
            per_device_train_batch_size=_BATCH,
            per_device_eval_batch_size=_JUDGED_BATCH,
            eval_strategy="epoch",
            save_strategy="epoch",
            save_total_limit=1,
            save_only_model=True,
            load_best_model_at_end=True,
            metric_for_best_model="accuracy",
            dataloader_pin_memory=False,
            disable_tqdm=True,
            report_to="none",
            seed=_SEED,
        )
        trainer = Trainer(
            model,
            arguments,
            data_collator=DataCollatorWithPadding(tokenizer),
            train_dataset=learn,
            eval_dataset=judge,
            compute_metrics=_accuracy,
            callbacks=[EarlyStoppingCallback(_PATIENCE)],
        )
        trainer.train()
        figure = trainer.predict(test).metrics["test_accuracy"]
    return {
        "settings": {
            "rate": settings.rate,
            "format": settings.number_format,
            "batch": _BATCH,
            "most_epochs": settings.epochs,
            "patience": _PATIENCE,
        },
        "rows": {"learned": len(learn), "held_out": len(judge), "test": len(test)},
        "epochs": round(trainer.state.epoch or 0),
        "held_out_accuracy": round(100 * (trainer.state.best_metric or 0.0), _DIGITS),
        "accuracy": round(100 * figure, _DIGITS),
        "threads": torch.get_num_threads(),
    }


def parted(table: Table, rows: int | None) -> Parts:
    """Hold out one labelled row a class; a smoke run learns from and tests on ``rows`` at most."""
    known = protocols.labelled(table, "train")
    names = ["" if label < 0 else table.classes[label] for label in table.labels]
    judge = protocols.drawn(names, known, 1, _SEED)
    return Parts(np.setdiff1d(known, judge)[:rows], judge[:rows], protocols.labelled(table, "test")[:rows])


def examples(table: Table, rows: np.ndarray, tokenizer: Any) -> list[dict[str, Any]]:
    """Return tokenised rows with the numbers of their classes."""
    found = tokenizer([table.texts[row] for row in rows], truncation=True, max_length=_MOST_TOKENS)
    return [
        {**{name: values[at] for name, values in found.items()}, "labels": int(table.labels[row])}
        for at, row in enumerate(rows)
    ]


def _accuracy(judged: Any) -> dict[str, float]:
    return {"accuracy": float((judged.predictions.argmax(axis=1) == judged.label_ids).mean())}


def line(result: dict[str, Any]) -> str:
    """Say a result in one line."""
    ours, theirs, settings = result["graphtune"], result["trainer"], result["trainer"]["settings"]
    return (
        f"graphtune {ours['seconds']} s, accuracy {ours['accuracy']:.2f} %; Trainer {theirs['seconds']} s, "
        f"{theirs['accuracy']:.2f} % (rate {settings['rate']}, {settings['format']}, {theirs['epochs']} "
        f"epochs): {result['ratio']} times as fast (bar {result['bar']['ratio']})"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, or fine-tune once; with ``--rows`` alone only try the script."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rows", type=int, help="smoke run of one epoch on so many rows; nothing is written")
    tune_ = parser.add_subparsers(dest="what").add_parser("tune", help="fine-tune once")
    tune_.add_argument("file", type=Path, help="where the JSON of what came of it goes")
    tune_.add_argument("--rate", type=float, default=Settings.rate, help="step size of AdamW")
    tune_.add_argument("--format", choices=("float32", "bfloat16"), default=Settings.number_format)
    tune_.add_argument("--epochs", type=int, default=Settings.epochs, help="at most")
    tune_.add_argument("--rows", type=int, help="learn from and test on so many rows")
    given = parser.parse_args(arguments)
    if given.what == "tune":
        told = tune(Settings(given.rate, given.format, given.epochs), given.rows)
        write_json(given.file, told)
        print(json.dumps(told))
    elif given.rows is None:
        run(Path(__file__).parent / "results")
    else:
        print(json.dumps(command(Settings(epochs=1), given.rows)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
