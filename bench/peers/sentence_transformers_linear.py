"""Sentence Transformers: frozen embeddings, and logistic regression whose C is chosen.

python sentence_transformers_linear.py TASK_DIR OUT_DIR
"""

import pickle
import sys

import numpy as np

import contract
import linear


def run(task: contract.Task) -> tuple[np.ndarray, contract.Facts]:
    """Encode, choose, fit and predict."""
    import torch
    from sentence_transformers import SentenceTransformer

    torch.set_num_threads(task.threads)
    encoder = SentenceTransformer(str(task.encoder), device="cpu")
    wanted = np.concatenate([task.train, task.rows("val"), task.test])
    encoding = contract.Clock(task.budget_seconds)
    rows = np.zeros((len(task.texts), encoder.get_embedding_dimension()), dtype=np.float32)
    rows[wanted] = encoder.encode(task.of(wanted), show_progress_bar=False)
    encode_seconds = encoding.seconds
    clock = contract.Clock(task.budget_seconds)
    chosen = linear.chosen(
        linear.logistic, lambda learn: lambda part: rows[part], task, clock, linear.STRENGTHS
    )
    seconds = clock.seconds
    learned = chosen.model.coef_.size + chosen.model.intercept_.size
    return chosen.model.predict_proba(rows[task.test]), contract.Facts(
        train_seconds=seconds,
        encode_seconds=encode_seconds,
        learned_parameters=learned,
        total_parameters=learned + sum(part.numel() for part in encoder.parameters()),
        size_bytes=len(pickle.dumps(chosen.model)),
        packages=("sentence-transformers", "scikit-learn", "transformers", "torch"),
        settings={"C": chosen.strength, "most_tokens": encoder.max_seq_length},
        latency_ms=contract.latency_ms(
            lambda text: chosen.model.predict(encoder.encode([text], show_progress_bar=False)),
            task.of(task.test),
        ),
        note=chosen.note,
    )


if __name__ == "__main__":
    sys.exit(contract.main(run))
