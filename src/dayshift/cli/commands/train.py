"""`dayshift train`: a new model, by hand."""

from dayshift.cli.options import HERE, Folder, Json, Now, Plan, now_or
from dayshift.cli.tables import emit, facts, warnings


def train(folder: Folder = HERE, now: Now = None, plan: Plan = False, as_json: Json = False) -> int:
    """Train on all labels that are ripe, judge the model, and let it serve when every gate agrees.

    Exit code 1 when a gate refused it.
    """
    from dayshift.cli.reports import tell_refusal, train_tables
    from dayshift.runtimes import plans, training
    from dayshift.runtimes.project import open_project

    time, project = now_or(now), open_project(folder, warnings)
    if plan:
        planned = plans.of_training(project).to_json()
        emit(planned, [facts("Would train on", planned)], as_json=as_json)
        return 0
    report = training.run(project, time)
    values = report.to_json()
    emit(values, train_tables(values), as_json=as_json)
    return tell_refusal(report)
