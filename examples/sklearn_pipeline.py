"""Features as a step of a scikit-learn pipeline, searched and cross-validated like any other.

    python examples/sklearn_pipeline.py

Expect above 90 % for timbral filters on the built-in timbres (chance: 25 %). The weights are drawn once, by
`fit`; nothing is learnt from the clips before the classifier.
"""

from __future__ import annotations

from sklearn.linear_model import Ridge
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from elmarc import ELMClassifier, RandomCNNFeatures
from elmarc.datasets import Dataset, toy


def main(data: Dataset | None = None) -> float:
    """Print and return the mean accuracy of features, scaler and extreme learning machine."""
    data = data or toy.load(target="timbre")
    paths = [clip.path for clip in data.clips]  # or an array of waveforms, a row a clip
    labels = [clip.label for clip in data.clips]
    pipeline = make_pipeline(
        RandomCNNFeatures("timbral", size="small", random_state=0),
        StandardScaler(),
        ELMClassifier(n_hidden=500, regressor=Ridge(), random_state=0),
    )
    folds = StratifiedKFold(4, shuffle=True, random_state=0)
    scores = cross_val_score(pipeline, paths, labels, cv=folds)
    print(f"accuracy on {data.name}: {100 * scores.mean():.1f} % (folds: {(100 * scores).round(1)})")
    return float(scores.mean())


if __name__ == "__main__":
    main()
