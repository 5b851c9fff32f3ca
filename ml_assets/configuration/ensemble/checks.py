"""Problems of the rules of an ensemble, for its members and the columns of its features."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
import pandera.pandas as pa

from ml_assets.configuration.pipeline import ModelConfiguration
from ml_assets.configuration.sections import Labels
from ml_assets.contracts.contract import SEEN, Contract, columns, dtype
from ml_assets.contracts.roles import is_text
from ml_assets.learning.ensembles.answers import LIMITS
from ml_assets.learning.ensembles.conditions import SCORE, Condition, FieldTest
from ml_assets.learning.ensembles.domains import Domain
from ml_assets.learning.ensembles.members import inputs_of
from ml_assets.learning.ensembles.reach import Path, RuleProblem, unreachable
from ml_assets.learning.ensembles.rules import EnsembleRules
from ml_assets.names import suggestion, unknown

CHECKED = {
    "greater_than_or_equal_to": lambda given: Domain(low=given["min_value"]),
    "greater_than": lambda given: Domain(low=given["min_value"], is_above=True),
    "less_than_or_equal_to": lambda given: Domain(high=given["max_value"]),
    "less_than": lambda given: Domain(high=given["max_value"], is_below=True),
    "isin": lambda given: Domain(listed=frozenset(given["allowed_values"])),
}
"""Check of a contract → the values that it allows."""

NUMBERS_ALONE = "a number, which is compared with numbers alone"


@dataclass(frozen=True)
class EnsembleChecks:
    """The rules of an ensemble, and what they have to fit.

    Attributes:
        rules: the rules.
        members: member → its configuration.
        labels: section ``labels`` of the ensemble.
        features: contract of its features.
    """

    rules: EnsembleRules
    members: Mapping[str, ModelConfiguration]
    labels: Labels
    features: type[Contract]

    def problems(self) -> list[RuleProblem]:
        """Problems of the rules; later checks depend on earlier ones."""
        steps = (
            (self._combination,),
            (self._routes, self._twice),
            (self._members, self._links, self._conditions),
            (self._numbers, lambda: unreachable(self.rules, self._known)),
        )
        for step in steps:
            if found := [problem for check in step for problem in check()]:
                return found
        return []

    @property
    def _task(self) -> str:
        return self.members[self.rules.answering[-1]].estimator.task

    @property
    def _known(self) -> dict[str, Domain]:
        known = {name: allowed(column) for name, column in columns(self.features).items()}
        return {**known, SCORE: scores(is_probability=self._task == "classification")}

    def _combination(self) -> Iterator[RuleProblem]:
        combine = self.rules.combine
        for name, path in zip(self.rules.answering, combine.paths, strict=False):
            if name not in self.rules.members:
                yield unknown_name(("combine", *path), "member", name, self.rules.members)
        for name in _repeated(self.rules.answering):
            yield RuleProblem(("combine", combine.kind), f"'{name}' occurs more than once")

    def _routes(self) -> Iterator[RuleProblem]:
        kind = self.rules.combine.kind
        for number, route in enumerate(self.rules.routes):
            path: Path = ("routes", number)
            if kind == "chain":
                yield RuleProblem(path, "a chain needs all of its members, so it has no routes")
            if SCORE in route.when:
                text = f"'{SCORE}' is not known before members answer"
                yield RuleProblem((*path, "when", SCORE), text)
            for place, name in enumerate(route.members):
                where: Path = (*path, "members", place)
                if name not in self.rules.members:
                    yield unknown_name(where, "member", name, self.rules.members)
                elif name not in self.rules.answering:
                    yield RuleProblem(where, f"'{name}' is not in '{kind}', so it cannot answer")
            for name in _repeated(route.members):
                yield RuleProblem((*path, "members"), f"'{name}' occurs more than once")

    def _twice(self) -> Iterator[RuleProblem]:
        for key, named in (("routes", self.rules.routes), ("rules", self.rules.rules)):
            seen = [one.name for one in named]
            for number, name in enumerate(seen):
                if name in seen[:number]:
                    yield RuleProblem((key, number, "name"), f"'{name}' occurs more than once")
                if key == "rules" and name == LIMITS:
                    text = (
                        f"'{name}' stands for the limits in answers and logs: choose another name"
                    )
                    yield RuleProblem((key, number, "name"), text)

    def _members(self) -> Iterator[RuleProblem]:
        for name, member in self.members.items():
            path: Path = ("members", name)
            if text := self._refused(name, member):
                yield RuleProblem(path, f"{member.pipeline} {text}")
            yield from self._columns(path, name, member)

    def _refused(self, name: str, member: ModelConfiguration) -> str:
        """Why a pipeline cannot be a member; empty if it can."""
        kind, chain = self.rules.combine.kind, self.rules.combine.chain
        task, labels, own = member.estimator.task, member.labels, self.labels
        if task == "multiclass":
            return "predicts classes, which cannot be combined"
        if kind in {"vote", "cascade"} and task != "classification":
            return f"predicts numbers, and '{kind}' needs probabilities"
        is_answer = chain is None or name == chain.answer
        if is_answer and (labels.asset, labels.column) != (own.asset, own.column):
            return (
                f"predicts {labels.column} of {labels.asset}, and the ensemble {own.column} of "
                f"{own.asset}"
            )
        return ""

    def _columns(self, path: Path, name: str, member: ModelConfiguration) -> Iterator[RuleProblem]:
        known, features = columns(self.features), member.specification.features
        for feature, column in inputs_of(self.rules, name, member.specification).items():
            if column not in known:
                named = "" if feature == column else f" for its feature '{feature}'"
                near = suggestion(column, [*known])
                yield RuleProblem(
                    path,
                    f"{member.pipeline} needs '{column}'{named}, which the features do not have.{near} "
                    "Name the column with its value under 'columns'",
                )
        for feature in self.rules.members[name].columns:
            if feature not in features:
                where = (*path, "columns", feature)
                yield unknown_name(where, f"feature of {member.pipeline}", feature, features)

    def _links(self) -> Iterator[RuleProblem]:
        """Predictions of a chain that no later member uses."""
        chain, order = self.rules.combine.chain, self.rules.answering
        for number, link in enumerate(chain.links if chain else ()):
            used = {
                self.rules.members[name].columns.get(feature, feature)
                for name in order[number + 1 :]
                for feature in self.members[name].specification.features
            }
            if link.gives not in used:
                path = ("combine", "chain", "links", number, "gives")
                near = (
                    suggestion(link.gives, used) or f" Their features are {', '.join(sorted(used))}"
                )
                yield RuleProblem(path, f"no member after it has a feature '{link.gives}'.{near}")

    def _conditions(self) -> Iterator[RuleProblem]:
        for path, condition in self._all_conditions():
            for name, test in condition.items():
                yield from self._tested((*path, name), name, test)

    def _all_conditions(self) -> Iterator[tuple[Path, Condition]]:
        for number, route in enumerate(self.rules.routes):
            yield ("routes", number, "when"), route.when
        for number, rule in enumerate(self.rules.rules):
            yield ("rules", number, "when"), rule.when

    def _tested(self, path: Path, name: str, test: FieldTest) -> Iterator[RuleProblem]:
        known = columns(self.features)
        if name == SCORE:
            yield from tested_score(path, test)
        elif name not in known:
            yield unknown_name(path, "column of the features", name, [*known, SCORE])
        else:
            yield from tested_column(path, name, known[name], test)

    def _numbers(self) -> Iterator[RuleProblem]:
        """Predictions of rules that are none, or break the limits."""
        limits, score = self.rules.limits, self._known[SCORE]
        low, high = max(score.low, limits.low), min(score.high, limits.high)
        for path, number in self._set():
            if not low <= number <= high:
                yield RuleProblem(path, f"{number:g} is no prediction within {low:g} to {high:g}")

    def _set(self) -> Iterator[tuple[Path, float]]:
        """Numbers that rules set predictions to."""
        for number, rule in enumerate(self.rules.rules):
            path: Path = ("rules", number)
            if rule.override is not None:
                yield (*path, "override"), rule.override
            for name, limit in rule.clamp or ():
                if limit is not None:
                    yield (*path, "clamp", name), limit
        for name, member in self.rules.members.items():
            is_link = self.rules.combine.chain and name != self.rules.combine.chain.answer
            if member.fallback is not None and not is_link:
                yield ("members", name, "fallback"), member.fallback
        if isinstance(self.rules.limits.otherwise, float):
            yield ("limits", "otherwise"), self.rules.limits.otherwise


def scores(*, is_probability: bool) -> Domain:
    """The values that the score of a prediction may have."""
    return Domain(low=0, high=1, missing=False) if is_probability else Domain(missing=False)


def tested_score(path: Path, test: FieldTest) -> Iterator[RuleProblem]:
    """The problem of a test of the score."""
    if test.is_:
        yield RuleProblem(path, f"'{SCORE}' is never missing")
    if any(isinstance(value, str) for _, _, value in test.listed):
        yield RuleProblem(path, f"'{SCORE}' is {NUMBERS_ALONE}")


def tested_column(
    path: Path, name: str, column: pa.Column, test: FieldTest
) -> Iterator[RuleProblem]:
    """The problem of a test of a column, by the column's contract."""
    if text := _of_other_type(column, test):
        yield RuleProblem(path, f"'{name}' is {text}")
    else:
        yield from _never_there(path, name, allowed(column), test)
        yield from _never_seen(path, name, (column.metadata or {}).get(SEEN, ()), test)


def allowed(column: pa.Column) -> Domain:
    """The values that the contract of a column allows."""
    found = Domain(missing=bool(column.nullable))
    for check in column.checks:
        if check.name in CHECKED:
            found = found.and_(CHECKED[check.name](check.statistics))
    return found


def _of_other_type(column: pa.Column, test: FieldTest) -> str:
    """Why a test does not fit the type of a column; empty if it does."""
    texts = [isinstance(value, str) for _, _, value in test.listed]
    if isinstance(dtype(column), pd.DatetimeTZDtype):
        return "a time; conditions compare numbers and texts alone"
    if is_text(column) and (test.limits or not all(texts)):
        return "a text, which is compared with texts alone"
    if not is_text(column) and any(texts):
        return NUMBERS_ALONE
    return ""


def _never_there(path: Path, name: str, known: Domain, test: FieldTest) -> Iterator[RuleProblem]:
    """Values of a test that the contract of its column does not allow."""
    for key, number, value in test.listed:
        if not known.has(value):
            near = suggestion(str(value), [str(one) for one in known.listed or ()])
            text = f"by its contract '{name}' is never {value!r}.{near}"
            yield RuleProblem((*path, key, number), text)


def _never_seen(
    path: Path, name: str, seen: Sequence[str], test: FieldTest
) -> Iterator[RuleProblem]:
    """Texts of a test that a column did not have when its contract was made."""
    for key, number, value in test.listed:
        if seen and value not in seen:
            text = (
                f"'{name}' was never {value!r} when its contract was made."
                f"{suggestion(str(value), seen)} If it may be, add it to 'seen' in the contract"
            )
            yield RuleProblem((*path, key, number), text)


def _repeated(names: Sequence[str]) -> list[str]:
    return [name for name in dict.fromkeys(names) if names.count(name) > 1]


def unknown_name(path: Path, what: str, name: str, known: Collection[str]) -> RuleProblem:
    """The problem that a name does not exist.

    Args:
        path: keys and numbers that lead to it in the section.
        what: what the name should identify.
        name: the name.
        known: the names that exist.
    """
    text = str(unknown(what, name, known))
    return RuleProblem(path, text[:1].lower() + text[1:])
