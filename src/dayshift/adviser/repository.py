"""What a repository shows of a team's tooling: file and line, found by file names, imports and required packages.

A word in a text proves nothing: Python files count by what they import (as the parser sees it, so that a comment or a
docstring does not), lists of requirements by the packages that they name, other files by being what they are. The walk
begins at the root of the git repository around the project, enters no folder of packages, data or caches, reads no big
file, follows no link, and ends after a second or twenty thousand files.
"""

from __future__ import annotations

import ast
import json
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

ABILITIES = (
    "python",
    "sql",
    "orchestration",
    "ml_tracking",
    "containers",
    "ci",
    "streaming",
    "cloud",
    "serving",
    "monitoring",
    "tests",
    "runbooks",
)
"""Those of `[team]`, and two that only files can show."""
SKIPPED = frozenset(
    [
        "data",
        "lake",
        "node_modules",
        "site-packages",
        "venv",
        "env",
        "build",
        "dist",
        "target",
        "vendor",
        "mlruns",
        "__pycache__",
        "__pypackages__",
    ]
)
"""Folders that are not entered; nor any that begins with a dot, but for those of continuous integration."""
ENTERED = frozenset({".github", ".circleci", ".gitlab", ".buildkite", ".dvc", ".ci"})
BIG = 256 * 1024
MOST_FILES = 20_000
SECONDS = 1.0
MOST_SHOWN = 5

PACKAGES: Mapping[str, tuple[str, ...]] = {
    "sql": ("dbt", "sqlalchemy", "sqlmesh", "duckdb"),
    "orchestration": ("airflow", "prefect", "dagster", "luigi", "kfp", "flytekit", "metaflow"),
    "ml_tracking": ("mlflow", "dvc", "wandb", "clearml", "neptune", "comet_ml"),
    "streaming": ("kafka", "confluent_kafka", "aiokafka", "faust", "pyflink", "bytewax", "quixstreams", "pyspark"),
    "cloud": ("boto3", "azure", "azureml", "google.cloud", "sagemaker", "pulumi", "aws_cdk", "snowflake"),
    "serving": ("fastapi", "flask", "bentoml", "onnxruntime", "onnx", "ray.serve", "feast", "tritonclient", "litserve"),
    "monitoring": ("evidently", "prometheus_client", "whylogs", "nannyml", "opentelemetry", "sentry_sdk", "datadog"),
    "tests": ("pytest", "unittest", "hypothesis"),
}
"""By ability, modules whose import shows it; a required package is the same name with hyphens."""
_ALIASES = {
    "apache-airflow": "airflow",
    "kafka-python": "kafka",
    "apache-flink": "pyflink",
    "azure-ai-ml": "azureml",
    "google-cloud-aiplatform": "google.cloud",
    "google-cloud-storage": "google.cloud",
    "google-cloud-bigquery": "google.cloud",
    "confluent-kafka": "confluent_kafka",
    "dbt-core": "dbt",
    "sentry-sdk": "sentry_sdk",
    "opentelemetry-api": "opentelemetry",
}
FILES: tuple[tuple[str, str], ...] = (
    ("sql", r"(.*/)?dbt_project\.yml|.*\.sql"),
    ("orchestration", r"(.*/)?(crontab|airflow\.cfg|prefect\.yaml|dagster\.yaml|workspace\.yaml)|(.*/)?.*\.timer"),
    ("ml_tracking", r"(.*/)?(MLproject|dvc\.yaml|dvc\.lock)|.*\.dvc"),
    (
        "containers",
        r"(.*/)?(Dockerfile|Containerfile)(\..*)?|(.*/)?.*\.dockerfile|(.*/)?(docker-)?compose(\..*)?\.ya?ml",
    ),
    ("ci", r"\.github/workflows/.*\.ya?ml|\.gitlab-ci\.yml|\.circleci/config\.yml|\.buildkite/.*\.ya?ml|\.ci/.*"),
    ("ci", r"Jenkinsfile|azure-pipelines\.ya?ml|bitbucket-pipelines\.yml|\.travis\.yml|tox\.ini|noxfile\.py"),
    ("cloud", r".*\.tf|(.*/)?(Chart|kustomization|Pulumi)\.ya?ml|(.*/)?serverless\.yml|(.*/)?cdk\.json"),
    ("serving", r"(.*/)?feature_store\.yaml|(.*/)?bentofile\.yaml|.*\.onnx"),
    (
        "monitoring",
        r"(.*/)?(prometheus|alertmanager|alerts?|otel-collector)(-.*)?\.ya?ml|(.*/)?grafana/.*\.(json|ya?ml)",
    ),
    ("tests", r"(.*/)?(test_.*|.*_test)\.py"),
    ("runbooks", r"(.*/)?(runbooks?|playbooks?|on-?call)(/.*)?(\.(md|rst|txt|adoc))|(.*/)?postmortems?/.*"),
)
"""By ability, what a file is called that shows it, as a path from the root."""
_FILES = tuple((name, re.compile(pattern, re.IGNORECASE)) for name, pattern in FILES)
_REQUIRED = re.compile(
    r"(requirements.*\.(txt|in)|pyproject\.toml|environment\.ya?ml|setup\.(cfg|py)|Pipfile)", re.IGNORECASE
)
_PACKAGE = re.compile(r"""^\s*(?:-\s*|["'])?([A-Za-z0-9][A-Za-z0-9._-]*)""")
_KUBERNETES = re.compile(r"^kind:\s*(Deployment|StatefulSet|CronJob|Service|DaemonSet)\b", re.MULTILINE)
_MODULES = {module: ability for ability, modules in PACKAGES.items() for module in modules}
_HEADS = {module.split(".")[0]: ability for module, ability in _MODULES.items()}
_ANY_MODULE = re.compile(rf"^[ \t]*(?:import|from)[ \t].*\b({'|'.join(_HEADS)})\b", re.MULTILINE)


def evidence(root: Path, seconds: float = SECONDS, clock: Callable[[], float] = time.monotonic) -> dict[str, list[str]]:
    """By ability, where the repository around a folder shows it: up to five `file:line`, paths from the repository's root."""
    top = repository(root)
    found: dict[str, list[str]] = {}
    until = clock() + seconds
    for number, path in enumerate(walk(top)):
        if number >= MOST_FILES or clock() > until:
            break
        where = path.relative_to(top).as_posix()
        enough = frozenset(ability for ability, places in found.items() if len(places) >= MOST_SHOWN)
        for ability, line in shown(path, where, enough):
            places = found.setdefault(ability, [])
            if len(places) < MOST_SHOWN:
                places.append(f"{where}:{line}")
    return found


def repository(root: Path) -> Path:
    """The root of the git repository around a folder; the folder itself when there is none."""
    folder = root.resolve()
    return next((one for one in (folder, *folder.parents) if (one / ".git").exists()), folder)


def walk(top: Path) -> Iterator[Path]:
    """The files of a repository that are looked at, sorted, those near its root first."""
    waiting = [top]
    for folder in waiting:
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError:
            continue
        for entry in entries:
            if entry.is_symlink():
                continue
            if entry.is_dir():
                if entry.name in ENTERED or (entry.name not in SKIPPED and not entry.name.startswith(".")):
                    waiting.append(Path(entry.path))
            elif entry.is_file():
                yield Path(entry.path)


def shown(path: Path, where: str, enough: frozenset[str] = frozenset()) -> Iterator[tuple[str, int]]:
    """The abilities that a file shows, each with the first line that does; code is not parsed for those in `enough` alone."""
    seen: dict[str, int] = {name: 1 for name, pattern in _FILES if pattern.fullmatch(where)}
    text = _text(path)
    if path.suffix == ".py":
        seen |= {"python": 1} | imports(text, enough)
    elif path.suffix == ".ipynb":
        seen |= {"python": 1} | notebook(text)
    elif path.suffix in (".yml", ".yaml") and (kind := _KUBERNETES.search(text)):
        seen.setdefault("cloud", text.count("\n", 0, kind.start()) + 1)
    if _REQUIRED.fullmatch(path.name) and path.suffix != ".py":
        seen = required(text) | seen
    yield from seen.items()


def _text(path: Path) -> str:
    wanted = path.suffix in (".py", ".ipynb", ".yml", ".yaml") or _REQUIRED.fullmatch(path.name)
    try:
        if not wanted or path.stat().st_size > BIG:
            return ""
        return path.read_text("utf-8", errors="replace")
    except OSError:
        return ""


def imports(text: str, enough: frozenset[str] = frozenset()) -> dict[str, int]:
    r"""The abilities that Python code imports something of, each with its first line.

    >>> imports("# import kafka\nimport os\nfrom mlflow.tracking import MlflowClient")
    {'ml_tracking': 3}
    """
    if {_HEADS[match[1]] for match in _ANY_MODULE.finditer(text)} <= enough:
        return {}
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return {}
    found: dict[str, int] = {}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Import | ast.ImportFrom):
            continue
        for name in _imported(node):
            if (ability := _ability(name)) is not None:
                found[ability] = min(node.lineno, found.get(ability, node.lineno))
    return found


def _imported(node: ast.Import | ast.ImportFrom) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if not node.module or node.level:
        return []
    return [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]


def _ability(module: str) -> str | None:
    parts = module.split(".")
    heads = (".".join(parts[:end]) for end in range(1, len(parts) + 1))
    return next((_MODULES[head] for head in heads if head in _MODULES), None)


def notebook(text: str) -> dict[str, int]:
    """The abilities that a notebook's cells import something of; the line is that of the cell's number."""
    try:
        cells = json.loads(text).get("cells", [])
    except (ValueError, AttributeError):
        return {}
    found: dict[str, int] = {}
    for number, cell in enumerate(cells, start=1):
        if isinstance(cell, dict) and cell.get("cell_type") == "code":
            source = cell.get("source", "")
            code = "".join(source) if isinstance(source, list) else str(source)
            kept = "\n".join(line for line in code.splitlines() if not line.lstrip().startswith(("%", "!")))
            for ability in imports(kept):
                found.setdefault(ability, number)
    return found


def required(text: str) -> dict[str, int]:
    r"""The abilities whose packages a list of requirements names, each with its first line.

    >>> required("numpy>=2\napache-airflow==2.9\n# kafka-python")
    {'orchestration': 2}
    """
    found: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        for part in line.split(",") if "[" in line or '"' in line else (line,):
            package = _PACKAGE.match(part.split("=[", 1)[-1].split("= [", 1)[-1].lstrip("[ "))
            if package is None:
                continue
            name = re.split(r"[\[<>=!~;]", package[1].lower())[0]
            ability = _ability(_ALIASES.get(name, name.replace("-", "_")))
            if ability is not None:
                found.setdefault(ability, number)
    return found
