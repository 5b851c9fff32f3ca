"""Checks that contracts share and pandera lacks, declared like pandera's own in ``pa.Field``.

``whole_number=True`` refuses fractions in a float column, ``whole_hour=True`` timestamps within an
hour, ``clock_time=True`` numbers such as 1075 that are not a time HHMM, ``iana_zone=True`` texts
that are not the name of a time zone. ``matches_whole`` is not declared: it replaces pandera's ``str_matches``,
which accepts a text that only begins with a match.
"""

from functools import cache
from zoneinfo import available_timezones

import numpy as np
import pandas as pd
import pandera.pandas as pa
from pandera import extensions

NO_ZONES = {"localtime", "Factory"}
"""Files of a zone database that are not the zone of a place."""


def register() -> None:
    """Register the checks for ``pa.Field``, unless they are registered."""
    known = pa.Check.REGISTERED_CUSTOM_CHECKS
    for check in (whole_number, whole_hour, clock_time, iana_zone):
        if check.__name__ not in known:
            extensions.register_check_method(
                check, statistics=["enabled"], supported_types=pd.Series, check_type="vectorized"
            )


def whole_number(values: pd.Series, *, enabled: bool) -> pd.Series:
    """Which numbers have no fraction.

    Args:
        values: (n,) numbers without nulls, as passed by pandera.
        enabled: False switches the check off.
    """
    return (values == np.floor(values)) | (not enabled)


def whole_hour(values: pd.Series, *, enabled: bool) -> pd.Series:
    """Which timestamps in UTC are the start of an hour; see ``whole_number``."""
    return (values == values.dt.floor("h")) | (not enabled)


def clock_time(values: pd.Series, *, enabled: bool) -> pd.Series:
    """Which numbers can be a time of day, HHMM: their last two digits are minutes.

    Args:
        values: (n,) numbers without nulls, as passed by pandera. ``ge`` and ``le`` limit the hours,
            as midnight is 0 in some sources and 2400 in others.
        enabled: False switches the check off.
    """
    return (values % 100 < 60) | (not enabled)


def iana_zone(values: pd.Series, *, enabled: bool) -> pd.Series:
    """Which texts are the exact name of a zone in the IANA database; see ``whole_number``."""
    return values.isin(_zones()) | (not enabled)


def matches_whole(pattern: str, rule: str) -> pa.Check:
    """A check that whole texts match a pattern: a line end after the match is not part of it.

    Args:
        pattern: regular expression.
        rule: text of the rule in dead letters.
    """
    return pa.Check(
        lambda values: values.str.fullmatch(f"(?:{pattern})", na=False),
        name="str_matches",
        error=rule,
    )


@cache
def _zones() -> list[str]:
    return sorted(available_timezones() - NO_ZONES)
