"""scikit-learn: TF-IDF of words and pairs of words, and a linear classifier whose C is chosen.

    python tfidf_linear.py logistic|svc TASK_DIR OUT_DIR

Chinese is read by characters and pairs of them. A support vector machine has no probabilities.
"""

import pickle
import sys

import numpy as np

import contract
import linear


def run(task: contract.Task, kind: str) -> tuple[np.ndarray, contract.Facts]:
    """Choose, fit and predict."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    clock = contract.Clock(task.budget_seconds)
    vectorizers = []

    def represent(learn: np.ndarray):
        terms = TfidfVectorizer(
            ngram_range=(1, 2), sublinear_tf=True, analyzer="char" if task.chinese else "word"
        )
        terms.fit(task.of(learn))
        vectorizers.append(terms)
        return lambda rows: terms.transform(task.of(rows))

    fit = linear.logistic if kind == "logistic" else linear.support_vectors
    strengths = linear.STRENGTHS if kind == "logistic" else (0.1, 0.3, 1.0, 3.0, 10.0)
    chosen = linear.chosen(fit, represent, task, clock, strengths)
    seconds = clock.seconds
    terms = vectorizers[-1]  # of the final fit
    x = terms.transform(task.of(task.test))
    if kind == "logistic":
        probabilities = chosen.model.predict_proba(x)
    else:
        probabilities = contract.one_hot(chosen.model.predict(x), len(task.known))
    learned = chosen.model.coef_.size + chosen.model.intercept_.size
    return probabilities, contract.Facts(
        train_seconds=seconds,
        learned_parameters=learned,
        total_parameters=learned,
        size_bytes=len(pickle.dumps((terms, chosen.model))),
        packages=("scikit-learn", "numpy", "scipy"),
        settings={"C": chosen.strength, "terms": len(terms.vocabulary_), "analyzer": terms.analyzer},
        latency_ms=contract.latency_ms(
            lambda text: chosen.model.predict(terms.transform([text])), task.of(task.test)
        ),
        note=chosen.note,
    )


if __name__ == "__main__":
    sys.exit(contract.main(run, "logistic", "svc"))
