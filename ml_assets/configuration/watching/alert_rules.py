"""Problems of the rules for high-risk predictions, for the columns of a pipeline's predictions."""

from collections.abc import Iterator
from dataclasses import replace

from ml_assets.configuration.ensemble.checks import (
    allowed,
    scores,
    tested_column,
    tested_score,
    unknown_name,
)
from ml_assets.configuration.objects import load_contract
from ml_assets.configuration.parts import MonitoringConfiguration
from ml_assets.configuration.pipeline import ModelConfiguration
from ml_assets.contracts.contract import Contract, columns
from ml_assets.learning.ensembles.conditions import SCORE, FieldTest
from ml_assets.learning.ensembles.domains import Domain
from ml_assets.learning.ensembles.reach import Path, RuleProblem, never


def alert_rule_problems(config: ModelConfiguration) -> list[RuleProblem]:
    """Problems of the rules in ``monitoring.alerts`` of a pipeline; none for one without rules."""
    rules = config.monitoring.alerts if isinstance(config, MonitoringConfiguration) else ()
    if not rules:
        return []
    features = load_contract(str(config.contracts.features))
    found: list[RuleProblem] = []
    for number, rule in enumerate(rules):
        path: Path = ("monitoring", "alerts", number)
        if rule.name in [other.name for other in rules[:number]]:
            found.append(RuleProblem((*path, "name"), f"'{rule.name}' occurs more than once"))
        unfit = [
            problem
            for name, test in rule.when.items()
            for problem in _tested((*path, "when", name), name, test, config, features)
        ]
        found += unfit or never(path, rule.when, _known(config, features))
    return found


def _known(config: ModelConfiguration, features: type[Contract]) -> dict[str, Domain]:
    """Segment → its values by its contract, or none if a request lacks it; ``score`` → its values."""
    named = columns(features)
    segments = {
        name: replace(allowed(named[name]), missing=True)
        for name in config.segments
        if name in named
    }
    return {**segments, SCORE: scores(is_probability=config.estimator.task != "regression")}


def _tested(
    path: Path, name: str, test: FieldTest, config: ModelConfiguration, features: type[Contract]
) -> Iterator[RuleProblem]:
    if name == SCORE:
        yield from tested_score(path, test)
    elif name not in config.segments:
        yield unknown_name(path, "segment", name, [SCORE, *config.segments])
    else:
        yield from tested_column(path, name, columns(features)[name], test)
