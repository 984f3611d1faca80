"""A second family of models, to see whether a finding depends on the user's choice of one.

A linear model is doubted by a small tree, everything else by a regularised linear model. Both take what the user's model
takes: numbers with nulls, and text (its twenty most frequent words, each as a column). No user would serve them as they
are; they only ask whether the same gain is seen by another kind of eye.
"""

from collections.abc import Sequence
from typing import Any

WORDS = 20
_LINEAR = ("Logistic", "Ridge", "Linear", "Lasso", "ElasticNet", "SGD", "Huber", "Perceptron", "Bayesian", "Poisson")


def second_family(estimator: Any, kind: str, texts: Sequence[str] = ()) -> Any:
    """An unfitted estimator of another family than this one.

    Args:
        kind: "classifier" or "regressor".
        texts: the names of the text features.

    >>> from sklearn.ensemble import HistGradientBoostingClassifier
    >>> second_family(HistGradientBoostingClassifier(), "classifier")[-1]
    LogisticRegression(max_iter=300)
    """
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    classifies = kind == "classifier"
    steps = [SimpleImputer(strategy="median", keep_empty_features=True)]
    if is_linear(estimator):
        tree = DecisionTreeClassifier if classifies else DecisionTreeRegressor
        last = tree(max_depth=6, min_samples_leaf=20)
    else:
        steps.append(StandardScaler())
        last = LogisticRegression(max_iter=300) if classifies else Ridge()
    if not texts:
        return make_pipeline(*steps, last)
    words = OneHotEncoder(max_categories=WORDS, handle_unknown="ignore", sparse_output=False)
    return make_pipeline(make_column_transformer((words, list(texts)), remainder=make_pipeline(*steps)), last)


def is_linear(estimator: Any) -> bool:
    """Whether the estimator, or a pipeline's last step, is a linear model.

    >>> from sklearn.linear_model import SGDClassifier
    >>> is_linear(SGDClassifier())
    True
    """
    last = estimator.steps[-1][1] if hasattr(estimator, "steps") else estimator
    return type(last).__name__.startswith(_LINEAR)
