"""PEFT: low-rank updates of the encoder's attention, and a new classification head.

python peft_lora.py TASK_DIR OUT_DIR
"""

import sys

import numpy as np

import contract

_RATES = (5e-3, 1e-3)  # step size of AdamW at the start; at lower ones a small encoder hardly learns
_RANK, _ALPHA, _DROPOUT = 8, 16, 0.1


def run(task: contract.Task) -> tuple[np.ndarray, contract.Facts]:
    """Tune the updates and the head."""
    from peft import LoraConfig, TaskType, get_peft_model
    from transformers import AutoModelForSequenceClassification

    import tuning

    def made():
        model = AutoModelForSequenceClassification.from_pretrained(task.encoder, num_labels=len(task.known))
        lora = LoraConfig(
            task_type=TaskType.SEQ_CLS,
            r=_RANK,
            lora_alpha=_ALPHA,
            lora_dropout=_DROPOUT,
            target_modules=["query", "value"],
        )
        return get_peft_model(model, lora)

    told = {"rank": _RANK, "alpha": _ALPHA, "dropout": _DROPOUT, "targets": ["query", "value"]}
    return tuning.result(task, made, _RATES, ("peft", "transformers", "accelerate", "torch"), told)


if __name__ == "__main__":
    sys.exit(contract.main(run))
