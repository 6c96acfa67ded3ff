"""FastFit: contrastive tuning of texts against the names of their classes, token by token.

    python fastfit_.py TASK_DIR OUT_DIR

Settings are those of FastFit's own example: 40 epochs of batches of 32, each repeated four times. The speed
of a few steps says how many of them fit into the budget. It reads class names, as no other peer does.
"""

import sys
import tempfile

import numpy as np

import contract

_EPOCHS, _BATCH, _MOST_TOKENS, _JUDGED_BATCH = 40, 32, 128, 64
_RECOMMENDED = {
    "per_device_train_batch_size": _BATCH,
    "max_text_length": _MOST_TOKENS,
    "num_repeats": 4,
    "optim": "adafactor",
    "clf_loss_factor": 0.1,
    "dataloader_drop_last": False,
}
_TRIED_STEPS, _PREDICTED = 2, 0.9  # a step takes seconds


def run(task: contract.Task) -> tuple[np.ndarray, contract.Facts]:
    """Tune and predict."""
    import datasets
    import fastfit.train
    import torch
    from transformers import AutoTokenizer

    import stopping

    # It would be fetched from the hub, and nothing is judged by it.
    fastfit.train.load_metric = lambda *_, **__: None
    torch.set_num_threads(task.threads)
    clock = contract.Clock(task.budget_seconds)
    names = [task.classes[at] for at in task.known]
    rows = datasets.Dataset.from_dict(
        {"text": task.of(task.train), "label": [names[at] for at in task.labels[task.train]]}
    )

    def tuned(steps: int) -> tuple[fastfit.FastFitTrainer, stopping.Paced]:
        with tempfile.TemporaryDirectory() as folder:
            trainer = fastfit.FastFitTrainer(
                # It asks for test rows and does not learn from them: it is given training rows.
                dataset=datasets.DatasetDict({"train": rows, "test": rows.select(range(1))}),
                model_name_or_path=str(task.encoder),
                text_column_name="text",
                label_column_name="label",
                max_steps=steps,
                output_dir=folder,
                save_strategy="no",
                report_to="none",
                log_level="error",
                disable_tqdm=True,
                use_cpu=True,
                seed=task.seed,
                **_RECOMMENDED,
            )
            pace = stopping.Paced(clock)
            trainer.trainer.add_callback(pace)
            trainer.train()
        return trainer, pace

    step_seconds = tuned(_TRIED_STEPS)[1].step_seconds
    most = _EPOCHS * -(-len(rows) // _BATCH)
    steps = max(1, min(most, int(_PREDICTED * (task.budget_seconds - clock.seconds) / step_seconds)))
    trainer, _ = tuned(steps)
    seconds = clock.seconds
    model, tokenizer = trainer.model.eval(), AutoTokenizer.from_pretrained(task.encoder)
    place = [trainer.labels.index(name) for name in names]

    @torch.inference_mode()
    def probabilities(texts: list[str]) -> np.ndarray:
        parts = []
        for at in range(0, len(texts), _JUDGED_BATCH):
            batch = tokenizer(
                texts[at : at + _JUDGED_BATCH],
                truncation=True,
                max_length=_MOST_TOKENS,
                padding=True,
                return_tensors="pt",
            )
            parts.append(model.inference_forward(batch["input_ids"], batch["attention_mask"]).softmax(1))
        return torch.cat(parts)[:, place].numpy()

    learned = sum(part.numel() for part in model.parameters() if part.requires_grad)
    return probabilities(task.of(task.test)), contract.Facts(
        train_seconds=seconds,
        learned_parameters=learned,
        total_parameters=learned,
        size_bytes=4 * learned + (task.encoder / "tokenizer.json").stat().st_size,
        packages=("fast-fit", "transformers", "datasets", "torch"),
        settings={**_RECOMMENDED, "steps": steps, "recommended_steps": most},
        latency_ms=contract.latency_ms(lambda text: probabilities([text]), task.of(task.test)),
        note="" if steps == most else f"the budget allowed {steps} of {most} steps",
    )


if __name__ == "__main__":
    sys.exit(contract.main(run))
