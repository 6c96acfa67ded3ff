"""SetFit: contrastive tuning of the encoder on pairs of texts, then logistic regression.

    python setfit_.py TASK_DIR OUT_DIR

Settings are the paper's and the package's own: batches of 16 pairs, one epoch, 20 pairs of each kind a text.
The speed of a few steps says how many of them fit into the budget.
"""

import sys
import tempfile
import time

import numpy as np

import contract

_BATCH, _PAIRS = 16, 20  # pairs a step; pairs alike and pairs unlike for each text
_TRIED_STEPS, _PREDICTED = 6, 0.9
_MOST_TEXTS = 10_000  # SetFit lists every pair of texts: of more it would fill the memory


def run(task: contract.Task) -> tuple[np.ndarray, contract.Facts]:
    """Tune, fit the head and predict."""
    import torch
    from setfit import SetFitModel, Trainer, TrainingArguments

    import stopping

    torch.set_num_threads(task.threads)
    clock = contract.Clock(task.budget_seconds)
    texts, labels = task.of(task.train), task.labels[task.train].tolist()
    draw = np.random.default_rng(task.seed).permutation(len(texts))[:_MOST_TEXTS]
    pairs = [texts[at] for at in draw], [labels[at] for at in draw]

    def tuned(steps: int, pace: stopping.Paced) -> SetFitModel:
        torch.manual_seed(task.seed)
        model = SetFitModel.from_pretrained(str(task.encoder), device="cpu")
        with tempfile.TemporaryDirectory() as folder:
            arguments = TrainingArguments(
                folder,
                batch_size=_BATCH,
                num_epochs=1,
                num_iterations=_PAIRS,
                max_steps=steps,
                seed=task.seed,
                report_to="none",
                save_strategy="no",
                show_progress_bar=False,
            )
            trainer = Trainer(model, arguments)
            trainer.add_callback(pace)
            trainer.train_embeddings(*pairs)
        return model

    pace = stopping.Paced(clock)
    model = tuned(_TRIED_STEPS, pace)
    start = time.monotonic()
    model.encode(texts[:64], show_progress_bar=False)
    # The head needs every text encoded once more, and is then fitted on that.
    reserve = 1.5 * (time.monotonic() - start) * len(texts) / len(texts[:64])
    most = 2 * _PAIRS * len(pairs[0]) // _BATCH
    fit = _PREDICTED * (task.budget_seconds - clock.seconds - reserve) / pace.step_seconds
    steps = max(1, min(most, int(fit)))
    pace = stopping.Paced(clock, reserve)
    model = tuned(steps, pace)
    model.fit(texts, labels, num_epochs=1)
    seconds = clock.seconds
    learned = sum(part.numel() for part in model.model_body.parameters())
    learned += model.model_head.coef_.size + model.model_head.intercept_.size
    return model.predict_proba(task.of(task.test), as_numpy=True), contract.Facts(
        train_seconds=seconds,
        learned_parameters=learned,
        total_parameters=learned,
        size_bytes=4 * learned + (task.encoder / "tokenizer.json").stat().st_size,
        packages=("setfit", "sentence-transformers", "transformers", "torch"),
        settings={"batch": _BATCH, "pairs_of_a_kind": _PAIRS, "steps": steps, "recommended_steps": most},
        latency_ms=contract.latency_ms(lambda text: model.predict_proba([text]), task.of(task.test)),
        note="" if steps == most else f"the budget allowed {steps} of {most} steps",
    )


if __name__ == "__main__":
    sys.exit(contract.main(run))
