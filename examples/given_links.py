"""Links between texts: replies in a forum, where an answer says little by itself.

python examples/given_links.py
"""

from graphtune import TextClassifier

# Threads: a question that says what it is about, and answers that hardly do.
THREADS = {
    "bicycle": [
        ("How do I patch a flat inner tube?", ["Did that last week, works.", "Ten minutes at most."]),
        ("My chain keeps slipping on the rear cog", ["Had the same.", "Replace it, it is worn."]),
        ("Which saddle for long tours?", ["Try before you buy.", "Mine took a month."]),
        ("The front brake squeals in the rain", ["Clean it first.", "Normal for this kind."]),
        ("Spokes came loose after the gravel ride", ["Tighten them in pairs.", "Take it to a shop."]),
        ("Pedals click when I climb", ["Grease solved it for me.", "Check both sides."]),
    ],
    "kitchen": [
        ("My bread dough does not rise", ["Give it more time.", "Too cold, I think."]),
        ("How long to boil beans after soaking?", ["An hour or so.", "Until they are soft."]),
        ("Can I freeze tomato sauce with basil?", ["Yes, did it often.", "Up to three months."]),
        ("The cake is dry every time", ["Lower heat helps.", "Take it out sooner."]),
        ("Which knife for chopping onions?", ["A sharp one.", "Any will do."]),
        ("How to keep rice from sticking to the pot?", ["Rinse it well.", "Use less water."]),
    ],
}
LABELLED_THREADS = 3  # of each subject; of them the question alone has a label


def main() -> None:
    """Predict the subject of every post, with the replies as links and without them."""
    texts, truth, labels, edges = [], [], [], []
    for subject, threads in THREADS.items():
        for number, (question, answers) in enumerate(threads):
            first = len(texts)
            texts += [question, *answers]
            truth += [subject] * (1 + len(answers))
            labels += [subject if number < LABELLED_THREADS else None, *[None] * len(answers)]
            edges += [(first + 1 + at, first) for at in range(len(answers))]
    judged = [at for at, label in enumerate(labels) if label is None]
    for name, links in (("without links", None), ("with links", edges)):
        model = TextClassifier().fit(texts, labels, edges=links)
        # The posts are predicted as what they are: texts of the graph, joined to the others by replies.
        asked = [texts[at] for at in judged]
        ids = [f"new {at}" for at in judged]
        joined = None
        if links is not None:
            place = {at: f"new {at}" for at in judged}
            joined = [(place.get(a, a), place.get(b, b)) for a, b in edges]
        found = model.predict(asked, ids=ids, edges=joined)
        right = sum(label == truth[at] for label, at in zip(found, judged, strict=True)) / len(judged)
        print(f"{name}: {right:.0%} of {len(judged)} posts right. {model.outcome_.verdict.text}")


if __name__ == "__main__":
    main()
