"""Hugging Face's Trainer: full fine-tuning of the encoder with a new classification head.

python trainer_full.py TASK_DIR OUT_DIR
"""

import sys

import numpy as np

import contract

_RATES = (1e-4, 5e-5)  # step size of AdamW at the start; small models learn slowly: the higher one first


def run(task: contract.Task) -> tuple[np.ndarray, contract.Facts]:
    """Fine-tune every weight."""
    from transformers import AutoModelForSequenceClassification

    import tuning

    def made():
        return AutoModelForSequenceClassification.from_pretrained(task.encoder, num_labels=len(task.known))

    return tuning.result(task, made, _RATES, ("transformers", "accelerate", "torch"), {})


if __name__ == "__main__":
    sys.exit(contract.main(run))
