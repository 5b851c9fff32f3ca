"""The values that a field may have: what conditions are compared by when definitions load."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

Value: TypeAlias = str | float | int | bool


@dataclass(frozen=True)
class Domain:
    """A set of values of one field.

    Attributes:
        listed: the only values in it; None if it is not a list of values.
        excluded: values that are not in it.
        low: least number in it.
        is_above: whether ``low`` itself is not in it.
        high: greatest number in it.
        is_below: whether ``high`` itself is not in it.
        missing: whether a missing value is in it.
    """

    listed: frozenset[Value] | None = None
    excluded: frozenset[Value] = frozenset()
    low: float = -math.inf
    is_above: bool = False
    high: float = math.inf
    is_below: bool = False
    missing: bool = True

    def has(self, value: Value) -> bool:
        """Whether a value that is not missing is in it."""
        if value in self.excluded or (self.listed is not None and value not in self.listed):
            return False
        return self._is_unlimited if isinstance(value, str) else self._is_between(float(value))

    @property
    def is_empty(self) -> bool:
        """Whether no value is in it, and no missing one."""
        if self.missing:
            return False
        if self.listed is not None:
            return not any(map(self.has, self.listed))
        return self.low > self.high or (self.low == self.high and not self.has(self.low))

    def and_(self, other: "Domain") -> "Domain":
        """The values that are in both."""
        lists = [one.listed for one in (self, other) if one.listed is not None]
        low, is_above = max((self.low, self.is_above), (other.low, other.is_above))
        high, is_not_below = min((self.high, not self.is_below), (other.high, not other.is_below))
        return Domain(
            frozenset.intersection(*lists) if lists else None,
            self.excluded | other.excluded,
            low,
            is_above,
            high,
            not is_not_below,
            self.missing and other.missing,
        )

    def covers(self, other: "Domain") -> bool:
        """Whether every value of another domain is in this one."""
        if other.missing and not self.missing:
            return False
        if other.listed is not None:
            return all(map(self.has, filter(other.has, other.listed)))
        if self.listed is not None:
            return other.and_(Domain(missing=False)).is_empty
        return (
            (self.low, self.is_above) <= (other.low, other.is_above)
            and (self.high, not self.is_below) >= (other.high, not other.is_below)
            and not any(map(other.has, self.excluded))
        )

    @property
    def described(self) -> str:
        """Its values in words; empty for any value."""
        present = "" if self.missing else "never missing"
        if self.listed is not None:
            listed = f"one of {', '.join(map(str, sorted(self.listed, key=str)))}"
            return ", ".join(filter(None, [listed, present]))
        lower = f"{'above' if self.is_above else 'at least'} {self.low:g}"
        upper = f"{'below' if self.is_below else 'at most'} {self.high:g}"
        limits = [text for text in (lower, upper) if not text.endswith("inf")]
        return ", ".join(filter(None, [" and ".join(limits), present]))

    @property
    def _is_unlimited(self) -> bool:
        """Whether it has no limits, which texts cannot be compared with."""
        return (self.low, self.high) == (-math.inf, math.inf)

    def _is_between(self, number: float) -> bool:
        above = number > self.low if self.is_above else number >= self.low
        return above and (number < self.high if self.is_below else number <= self.high)


ANY = Domain()
"""Every value."""

Domains: TypeAlias = Mapping[str, Domain]
"""Field → its values, of rows for which all of them hold; a field that is not in it may have any."""


def both(one: Domains, other: Domains) -> dict[str, Domain]:
    """The rows that are in both."""
    return {
        field: one.get(field, ANY).and_(other.get(field, ANY))
        for field in dict.fromkeys([*one, *other])
    }


def covers(one: Domains, other: Domains) -> bool:
    """Whether every row of ``other`` is in ``one``."""
    return all(domain.covers(other.get(field, ANY)) for field, domain in one.items())


def empty_fields(domains: Domains) -> list[str]:
    """Fields of which no value is left, so that there is no such row."""
    return [field for field, domain in domains.items() if domain.is_empty]
