"""`dayshift train`: a new model, by hand."""

from dayshift.cli.options import HERE, Folder, Json, Now, now_or
from dayshift.cli.tables import emit


def train(folder: Folder = HERE, now: Now = None, as_json: Json = False) -> int:
    """Train on all labels that are ripe, judge the model, and let it serve when every gate agrees.

    Exit code 1 when a gate refused it.
    """
    from dayshift.cli.reports import gate_problems, train_tables
    from dayshift.runtimes import training
    from dayshift.runtimes.project import open_project

    time = now_or(now)
    report = training.run(open_project(folder), time).to_json()
    emit(report, train_tables(report), as_json=as_json)
    return gate_problems(report)
