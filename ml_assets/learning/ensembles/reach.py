"""Rules of an ensemble that can never apply: found when definitions load, by the values that they allow."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ml_assets.learning.ensembles.conditions import SCORE, Condition, domains
from ml_assets.learning.ensembles.domains import ANY, Domain, both, covers, empty_fields
from ml_assets.learning.ensembles.rules import CLAMP, OVERRIDE, BusinessRule, EnsembleRules

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class RuleProblem:
    """Something that is wrong with the rules.

    Attributes:
        path: keys and numbers that lead to it in the section, or in the document.
        text: what is wrong, without a full stop.
    """

    path: Path
    text: str

    @property
    def message(self) -> str:
        """The text after the keys."""
        return f"'{'.'.join(map(str, self.path))}': {self.text}"

    def below(self, section: str) -> "RuleProblem":
        """The problem with its place in the document that has the section."""
        return RuleProblem((section, *self.path), self.text)


def unreachable(rules: EnsembleRules, known: Mapping[str, Domain]) -> list[RuleProblem]:
    """Conditions that never hold, and routes, rules and members that are never reached.

    Args:
        rules: the rules.
        known: column → its values by its contract; ``score`` → those of a prediction.
    """
    return [*_routes(rules, known), *_rules(rules, known), *_members(rules, known)]


def never(path: Path, condition: Condition, known: Mapping[str, Domain]) -> list[RuleProblem]:
    """Why a condition never holds; empty if it may.

    Args:
        path: keys and numbers that lead to the rule of the condition.
        condition: the condition.
        known: field → its values; a field that is not in it may have any.
    """
    own = domains(condition)
    if contradictory := empty_fields(own):
        field = contradictory[0]
        tests = condition[field].described
        text = f"no value of '{field}' passes all of its tests ({tests}), so it never holds"
        return [RuleProblem((*path, "when", field), text)]
    allowed = {field: known[field] for field in own if field in known}
    return [
        RuleProblem(
            (*path, "when", field),
            f"no value that '{field}' may have passes, so it never holds: '{field}' is "
            f"{allowed[field].described}",
        )
        for field in empty_fields(both(own, allowed))
    ]


def _routes(rules: EnsembleRules, known: Mapping[str, Domain]) -> list[RuleProblem]:
    found: list[RuleProblem] = []
    for number, route in enumerate(rules.routes):
        path: Path = ("routes", number)
        problems = never(path, route.when, known)
        rows = both(domains(route.when), known)
        earlier = next(
            (one for one in rules.routes[:number] if covers(domains(one.when), rows)), None
        )
        if earlier and not problems:
            text = f"it is never reached: '{earlier.name}' before it takes all of its rows"
            problems = [RuleProblem(path, text)]
        found += problems
    return found


def _rules(rules: EnsembleRules, known: Mapping[str, Domain]) -> list[RuleProblem]:
    """Rules that never apply, as far as the values before them say."""
    found: list[RuleProblem] = []
    score = known.get(SCORE, Domain(missing=False))
    ended: list[BusinessRule] = []
    for number, rule in enumerate(rules.rules):
        path: Path = ("rules", number)
        possible = {**known, SCORE: score}
        problems = never(path, rule.when, possible)
        rows = both(domains(rule.when), possible)
        if not problems:
            later = rules.rules[number + 1 :]
            problems = _ended(path, rows, ended) or _overridden(path, rule, later)
        found += problems
        if rule.refuse:
            ended.append(rule)
        elif (changed := _result(rule, score)) is not None:
            ended = [one for one in ended if SCORE not in one.when]
            score = changed if not rule.when else _either(score, changed)
    return found


def _ended(
    path: Path, rows: Mapping[str, Domain], ended: Sequence[BusinessRule]
) -> list[RuleProblem]:
    for one in ended:
        if covers(domains(one.when), rows):
            return [
                RuleProblem(
                    path, f"it is never reached: '{one.name}' before it refuses all of its rows"
                )
            ]
    return []


def _overridden(path: Path, rule: BusinessRule, later: Sequence[BusinessRule]) -> list[RuleProblem]:
    """An override whose every row is overridden again with another number."""
    if rule.override is None:
        return []
    rows = {**domains(rule.when), SCORE: _point(rule.override)}
    for one in later:
        if one.override not in (None, rule.override) and covers(domains(one.when), rows):
            text = f"it contradicts '{one.name}', which overrides all of its rows with {one.override:g}"
            return [RuleProblem(path, text)]
        if one.action not in (OVERRIDE, CLAMP) and SCORE in one.when:
            return []  # it looks at the number
        if one.action in (OVERRIDE, CLAMP):
            rows[SCORE] = ANY
    return []


def _members(rules: EnsembleRules, known: Mapping[str, Domain]) -> list[RuleProblem]:
    """Members that answer no row."""
    takes_all = any(covers(domains(one.when), known) for one in rules.routes)
    routed = {name for route in rules.routes for name in route.members}
    return [
        RuleProblem(("members", name), "it is never asked: no combination and no route has it")
        for name in rules.members
        if name not in rules.answering or (takes_all and name not in routed)
    ]


def _result(rule: BusinessRule, score: Domain) -> Domain | None:
    """The predictions that a rule leaves of those before it; None if it changes none."""
    if rule.override is not None:
        return _point(rule.override)
    if rule.clamp is None:
        return None
    low, high = (
        min(max(limit, rule.clamp.low), rule.clamp.high) for limit in (score.low, score.high)
    )
    return Domain(low=low, high=high, missing=False)


def _either(one: Domain, other: Domain) -> Domain:
    """The least interval that has all of both."""
    return Domain(low=min(one.low, other.low), high=max(one.high, other.high), missing=False)


def _point(number: float) -> Domain:
    return Domain(low=number, high=number, missing=False)
