"""Fields of a proposed contract as Python text, laid out as ruff formats them."""

import math
from collections.abc import Callable, Sequence

from ml_assets.cadence import Cadence
from ml_assets.scaffolding.history import UNITS
from ml_assets.scaffolding.pipeline import Proposal
from ml_assets.scaffolding.profile import Column

WIDTH = 100
TIME = "pd.DatetimeTZDtype"
TYPES = {"int": "int", "float": "float", "bool": "bool", "text": "str", "time": TIME}
OF_CALENDAR = 'group="calendar"'
"""Argument of fields that move with the date, whose drift says nothing."""
YEAR_HOURS = 13_000
"""Hours of history from which the season is a feature: one and a half years."""


def has_year(p: Proposal) -> bool:
    """Whether the history is long enough to learn from the season."""
    start, end = p.times.moments.min(), p.times.moments.max()
    return bool((end - start).total_seconds() / 3600 >= YEAR_HOURS)


def has_hour(p: Proposal) -> bool:
    """Whether the time of day of a row or partition says something."""
    return p.times.cadence is Cadence.HOURLY or (
        not p.is_series and p.times.moments.dt.hour.nunique() > 1
    )


def has_weekday(p: Proposal) -> bool:
    """Whether rows or partitions are shorter than weeks, or there is no season to look at."""
    return p.times.cadence in {Cadence.HOURLY, Cadence.DAILY} or not (p.is_series and has_year(p))


def row_fields(p: Proposal) -> list[str]:
    """The fields of the source's rows."""
    return [column_field(one, is_time=one.name == p.times.column) for one in p.columns]


def column_field(column: Column, *, is_time: bool) -> str:
    """The field of a column of a source.

    Args:
        column: the column.
        is_time: whether it is the time of a row, whatever its format.
    """
    if is_time:
        return _moment("pa.Field", column.name, "When it was.")
    further = ["dtype_kwargs=UTC"] if column.kind == "time" else []
    return _field(column.name, TYPES[column.kind], "pa.Field", [*_of_column(column), *further])


def feature_fields(p: Proposal) -> list[str]:
    """The fields of the features."""
    by_name = {column.name: column for column in p.columns}
    fields = [_key_field(p, name) for name in p.feature_key]
    for column in p.described:
        arguments = [repr_(column.name), f"[{repr_(f'rows.{column.name}')}]"]
        null = ["nullable=True"] if column.null_share else []
        arguments += [*null, *_seen(column)]
        fields.append(_field(column.name, TYPES[column.kind], "computed", arguments))
    unit = UNITS[p.times.cadence]
    passed = f", without {' and '.join(p.history.empty_on)}" if p.history.empty_on else ""
    for name in p.numbers:
        for lag in p.history.lags:
            text = f"{name}, {lag}{unit} before{passed}."
            fields.append(_past(f"{name}_lag_{lag}", "float", text, by_name[name]))
    for count in p.history.means if p.numbers else ():
        for name in p.numbers:
            text = f"Mean of {name} in the {count}{unit} before{passed}."
            fields.append(_past(f"{name}_mean_{count}", "float", text, by_name[name]))
    fields += [
        _past(f"{name}_lag_1", "str", f"{name}, 1{unit} before{passed}.", by_name[name])
        for name in p.texts
    ]
    return [*fields, *_calendar_fields(p)]


def outcome_fields(p: Proposal) -> list[str]:
    """The fields of the outcomes."""
    known = ["nullable=False"]
    if p.task == "classification":
        known = ["isin=[0, 1]"]
    elif p.task == "multiclass":
        known = [f"isin=[{', '.join(repr_(value) for value in p.classes)}]"]
    kind = "int" if p.task == "classification" else TYPES[p.target.kind]
    source = [f"[{repr_(f'rows.{p.target.name}')}]"]
    label = [repr_("What is predicted."), *source, *(known if p.classes else [])]
    return [
        *(_key_field(p, name) for name in p.feature_key),
        _field(p.target.name, kind, "computed", label),
        _moment("computed", "known_at", "When it was known.", [f"rows.{p.times.column}"]),
    ]


def repr_(value: object) -> str:
    """A value as Python text with double quotes."""
    import json

    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)


def strings(values: Sequence[object]) -> str:
    """A list of texts as Python text."""
    return f"[{', '.join(repr_(value) for value in values)}]"


def assigned(name: str, values: Sequence[str]) -> str:
    """An assignment of a list of texts, one on each line if they do not fit on one."""
    line = f"{name} = {strings(values)}"
    if len(line) <= WIDTH:
        return line
    return "\n".join([f"{name} = [", *(f"    {repr_(value)}," for value in values), "]"])


def _key_field(p: Proposal, name: str) -> str:
    if name == "period":
        return _moment("computed", name, "Its first moment.", [])
    if name == p.times.column:
        return _moment("computed", name, "When it was.", [f"rows.{name}"])
    [column] = [one for one in p.columns if one.name == name]
    arguments = [repr_(f"{name}."), f"[{repr_(f'rows.{name}')}]"]
    is_id = name not in p.entity
    return _field(
        name,
        TYPES[column.kind],
        "computed",
        [*arguments, *(['role="ignored"'] if is_id else _seen(column))],
    )


def _seen(column: Column) -> list[str]:
    """The argument with the texts of a column that has few."""
    return [f"seen={strings(column.texts)}"] if column.texts else []


def _past(name: str, kind: str, text: str, column: Column) -> str:
    arguments = [repr_(text), f"[{repr_(f'rows.{column.name}')}]", "nullable=True", *_seen(column)]
    return _field(name, kind, "computed", arguments)


def _calendar_fields(p: Proposal) -> list[str]:
    cycles = [
        *(["year_sin", "year_cos"] if has_year(p) else []),
        *(["hour_sin", "hour_cos"] if has_hour(p) else []),
    ]
    source = [] if p.is_series else [f"rows.{p.times.column}"]
    fields = [
        _field(
            name,
            "float",
            "computed",
            [
                repr_(f"{name[-3:]} of the {name[:-4]}.".capitalize()),
                strings(source),
                "ge=-1",
                "le=1",
                OF_CALENDAR,
            ],
        )
        for name in cycles
    ]
    if has_weekday(p):
        fields.append(
            _field(
                "weekday",
                "str",
                "computed",
                [repr_("Day of the week."), strings(source), OF_CALENDAR],
            )
        )
    return fields


def _of_column(column: Column) -> list[str]:
    described = f"{column.name}; {column.seen} when the pipeline was made."
    return [
        *(["nullable=True"] if column.null_share else []),
        *_bounds(column),
        f"description={repr_(described)}",
    ]


def _bounds(column: Column) -> list[str]:
    """A range that is three times as wide as that of the values; 0 stays the least if it is.

    Of zeros and ones the values themselves.
    """
    if column.low is None or column.high is None:
        return []
    if (column.distinct, column.low, column.high) == (2, 0, 1):
        return ["isin=[0, 1]"]
    width = max(column.high - column.low, 1.0)
    low = 0.0 if 0 <= column.low <= width else column.low - width
    return [f"ge={_rounded(low, math.floor)}", f"le={_rounded(column.high + width, math.ceil)}"]


def _rounded(value: float, direction: Callable[[float], int]) -> str:
    """A bound with two digits, rounded outwards."""
    if not value:
        return "0"
    scale = 10.0 ** (math.floor(math.log10(abs(value))) - 1)
    rounded = direction(value / scale) * scale
    return f"{rounded:.10g}" if abs(rounded) < 1e10 else repr(int(rounded))


def _moment(function: str, name: str, text: str, sources: Sequence[str] | None = None) -> str:
    described = [f"description={repr_(text)}"] if sources is None else [repr_(text)]
    made_of = [] if sources is None else [strings(sources)]
    return _field(name, TIME, function, [*described, *made_of, "dtype_kwargs=UTC"])


def _field(name: str, kind: str, function: str, arguments: Sequence[str]) -> str:
    start, inside = f"    {name}: {kind} = {function}(", ", ".join(arguments)
    if len(start) + len(inside) + 1 <= WIDTH:
        return f"{start}{inside})\n"
    if len(inside) + 8 <= WIDTH:
        return f"{start}\n        {inside}\n    )\n"
    lines = "".join(f"        {argument},\n" for argument in arguments)
    return f"{start}\n{lines}    )\n"
