"""Checks that contracts share and pandera lacks, declared like pandera's own in ``pa.Field``.

``whole_number=True`` refuses fractions in a float column. ``whole_hour=True`` refuses moments within an
hour, ``clock_time=True`` numbers like 1075 that are no HHMM. ``iana_zone=True`` refuses texts that name no
time zone. ``matches_whole`` is not declared: it replaces pandera's ``str_matches``, which accepts
a text that only begins with a match.
"""

from functools import cache
from zoneinfo import available_timezones

import numpy as np
import pandas as pd
import pandera.pandas as pa
from pandera import extensions

NO_ZONES = {"localtime", "Factory"}
"""Files of a zone database that stand for no place."""


def register() -> None:
    """Make the checks known to ``pa.Field``; calling it again changes nothing."""
    known = pa.Check.REGISTERED_CUSTOM_CHECKS
    for check in (whole_number, whole_hour, clock_time, iana_zone):
        if check.__name__ not in known:
            extensions.register_check_method(
                check, statistics=["wanted"], supported_types=pd.Series, check_type="vectorized"
            )


def whole_number(values: pd.Series, *, wanted: bool) -> pd.Series:
    """Which numbers have no fraction.

    Args:
        values: (n,) numbers without nulls, as pandera hands them over.
        wanted: False switches the check off.
    """
    return (values == np.floor(values)) | (not wanted)


def whole_hour(values: pd.Series, *, wanted: bool) -> pd.Series:
    """Which moments begin an hour.

    Args:
        values: (n,) moments in UTC without nulls, as pandera hands them over.
        wanted: False switches the check off.
    """
    return (values == values.dt.floor("h")) | (not wanted)


def clock_time(values: pd.Series, *, wanted: bool) -> pd.Series:
    """Which numbers can be a time of day, HHMM: their last two digits are minutes.

    Args:
        values: (n,) numbers without nulls, as pandera hands them over; the hours are for ``ge`` and
            ``le`` to bound, as sources differ in whether midnight is 0 or 2400.
        wanted: False switches the check off.
    """
    return (values % 100 < 60) | (not wanted)


def iana_zone(values: pd.Series, *, wanted: bool) -> pd.Series:
    """Which texts name a zone of the IANA database, spelled as there.

    Args:
        values: (n,) texts without nulls, as pandera hands them over.
        wanted: False switches the check off.
    """
    return values.isin(_zones()) | (not wanted)


def matches_whole(pattern: str, rule: str) -> pa.Check:
    """A check that whole texts match a pattern: a line end after the match is not part of it.

    Args:
        pattern: regular expression.
        rule: what a dead letter says.
    """
    return pa.Check(
        lambda values: values.str.fullmatch(f"(?:{pattern})", na=False),
        name="str_matches",
        error=rule,
    )


@cache
def _zones() -> list[str]:
    return sorted(available_timezones() - NO_ZONES)
