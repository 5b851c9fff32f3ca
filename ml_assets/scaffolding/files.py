"""The files of a proposed pipeline: rendered, and written all at once or not at all."""

import json
import shutil
import tempfile
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from ml_assets.cadence import day_of
from ml_assets.errors import ConfigurationError
from ml_assets.scaffolding import fields
from ml_assets.scaffolding.pipeline import Proposal

CODE, TESTS = "ml_assets/defs", "ml_assets_tests/defs"
"""Folders of a project in which a pipeline gets one of its name."""

MAX_SEGMENTS = 10
"""Series above which none is evaluated separately."""

EXAMPLES = {
    "int": "number % 5",
    "float": "number % 5 + 0.5",
    "bool": "number % 2 == 0",
}
"""Kind of a column → its values in the generated test."""

SIMPLE = {
    "regression": "sklearn.linear_model.Ridge",
    "classification": "sklearn.linear_model.LogisticRegression",
    "multiclass": "sklearn.linear_model.LogisticRegression",
}
"""Task → estimator of a series, of which there often are few rows."""

TREES = {
    "regression": "sklearn.ensemble.HistGradientBoostingRegressor",
    "classification": "sklearn.ensemble.HistGradientBoostingClassifier",
    "multiclass": "sklearn.ensemble.HistGradientBoostingClassifier",
}
"""Task → estimator of events."""


def rendered(p: Proposal) -> dict[str, str]:
    """Path below a project → text of each file of a pipeline."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("ml_assets.scaffolding"),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - Python, YAML and Markdown, no HTML
    )
    code, tests = f"{CODE}/{p.name}", f"{TESTS}/{p.name}"
    names = {
        f"{code}/contracts.py": "contracts.py",
        f"{code}/features.py": "features.py",
        f"{code}/defs.yaml": "defs.yaml",
        f"{code}/README.md": "README.md",
        f"{tests}/features_test.py": "features_test.py",
    }
    values = _values(p)
    texts = {
        path: environment.get_template(f"{name}.jinja").render(values)
        for path, name in names.items()
    }
    package = f'"""{p.name}: predicts {p.target.name}."""\n'
    return {f"{code}/__init__.py": package, **texts}


def refuse_existing(name: str, root: Path) -> None:
    """Refuse a name of which a project has files.

    Args:
        name: name of the pipeline.
        root: folder of the project.

    Raises:
        ConfigurationError: there are some.
    """
    for folder in (CODE, TESTS):
        if (root / folder / name).exists() or (root / folder / f"{name}.py").exists():
            raise ConfigurationError(
                f"{folder}/{name} exists already and is never overwritten. Choose another name."
            )


def write(texts: Mapping[str, str], name: str, root: Path) -> None:
    """Write the files of a pipeline: into folders beside, which are renamed when they are complete.

    Args:
        texts: path → text of each file.
        name: name of the pipeline.
        root: folder of the project.

    Raises:
        ConfigurationError: files of that name exist.
    """
    refuse_existing(name, root)
    drafts: dict[Path, Path] = {}
    placed: list[Path] = []
    try:
        for folder in (CODE, TESTS):
            (root / folder).mkdir(parents=True, exist_ok=True)
            draft = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=root / folder))
            draft.chmod(0o755)
            drafts[root / folder / name] = draft
        for path, text in texts.items():
            file = root / path
            (drafts[file.parent] / file.name).write_text(text, "utf-8")
        for place, draft in drafts.items():
            placed.append(draft.rename(place))
    except BaseException:
        for place in placed:
            shutil.rmtree(place)
        raise
    finally:
        for draft in drafts.values():
            shutil.rmtree(draft, ignore_errors=True)


def undo(name: str) -> str:
    """The command that removes the files of a pipeline."""
    return f"rm -r {CODE}/{name} {TESTS}/{name}"


def commands(p: Proposal) -> list[str]:
    """The commands from the table to a first release decision, predictions and a drift report."""
    last, first, later = p.history.last, p.history.first_used, p.history.first_with_features
    rows, features = f'key:"{p.name}/rows"', f"group:{p.name}__features"
    extracted = (
        [(f"{rows} or {features}", first)] if first == later else [(rows, first), (features, later)]
    )
    return [
        *(
            f"dg launch --assets '{which}' --partition-range {start}...{last}"
            for which, start in extracted
        ),
        (
            f"dg launch --assets 'group:{p.name}__training or group:{p.name}__release' "
            f"--partition {p.history.as_of}"
        ),
        (
            f"dg launch --assets 'group:{p.name}__predictions or group:{p.name}__monitoring' "
            f"--partition-range {p.history.as_of}...{last}"
        ),
    ]


def _values(p: Proposal) -> dict[str, Any]:
    calendar, history = p.times.calendar, p.history
    _, end = calendar.bounds(history.last)
    period = p.times.cadence.unit
    later, first = history.first_with_features, day_of(history.first_used)
    is_midday = calendar.first_of(day_of(later)) != later
    first_features = day_of(calendar.shifted(later, 24) if is_midday else later)
    is_segmented = len(p.entity) == 1 and any(
        column.name == p.entity[0] and column.kind == "text" and column.distinct <= MAX_SEGMENTS
        for column in p.columns
    )
    return {
        "p": p,
        "module": f"ml_assets.defs.{p.name}",
        "period": period,
        "periods": f"{period}s",
        "a_period": f"{'an' if period == 'hour' else 'a'} {period}",
        "first": first,
        "last": (end - timedelta(microseconds=1)).date().isoformat(),
        "first_with_features": first if later == history.first_used else first_features,
        "look_back": history.text(history.look_back),
        "nothing": history.text(0),
        "two_periods": history.text(2),
        "has_year": fields.has_year(p),
        "has_hour": fields.has_hour(p),
        "has_weekday": fields.has_weekday(p),
        "has_cycle": fields.has_year(p) or fields.has_hour(p),
        "row_fields": fields.row_fields(p),
        "feature_fields": fields.feature_fields(p),
        "outcome_fields": fields.outcome_fields(p),
        "described": [column.name for column in p.described],
        "series": "series" if p.entity else "table",
        "by_day": ", ".join([*(["*ENTITY"] if p.entity else []), "DAY"]),
        "segments": f"[{', '.join(p.entity)}]" if is_segmented else "",
        "classes": ", ".join(json.dumps(value, ensure_ascii=False) for value in p.classes),
        "estimator": (SIMPLE if p.is_series else TREES)[p.task],
        "further": ", max_iter: 1000" if p.is_series and p.task != "regression" else "",
        "commands": commands(p),
        "test_last": calendar.shifted(history.first, history.look_back + history.spanned_by(20)),
        "examples": _examples(p),
        "arguments": lambda name: _arguments(p, name, name),
        "arguments_of_known": _arguments(p, "table", "known"),
        "strings": fields.strings,
        "assigned": fields.assigned,
        "literal": fields.repr_,
        "quoted": json.dumps,
    }


def _examples(p: Proposal) -> list[tuple[str, str]]:
    """Column → Python text of its values in the generated test: a row for each partition."""
    moments = 'starts.as_unit("us")'
    found = []
    for column in p.columns:
        if column.kind == "time":
            values = moments
        elif column.name == p.target.name and p.classes:
            values = f"np.resize({fields.strings(p.classes)}, len(DAYS))"
        elif column.name in p.entity:
            values = '"a"' if column.kind == "text" else "1"
        elif column.name in p.key:
            values = "number" if column.is_number else "[str(one) for one in number]"
        else:
            values = EXAMPLES.get(column.kind, '"a"')
        found.append((column.name, moments if column.name == p.times.column else values))
    return found


def _arguments(p: Proposal, rows: str, history: str) -> str:
    if p.is_series:
        return f"history={history}"
    return f"rows={rows}, history={history}" if p.numbers else f"rows={rows}"
