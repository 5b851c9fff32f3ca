"""The order of alerts, and their numbers in words."""

import itertools
from datetime import timedelta

from ml_assets.alerts.alert import AlertState
from ml_assets.alerts.finding import Level
from ml_assets.alerts.severity import counts, most_severe_first
from ml_assets_tests.reports.pages import world


def test_alerts_are_ordered_by_level_and_age_and_resolved_ones_come_last() -> None:
    expected = [
        world.alert(level=Level.CRITICAL),
        world.alert(level=Level.WARNING, first_seen=world.AT - timedelta(days=1)),
        world.alert(level=Level.WARNING),
        world.alert(level=Level.INFO),
        world.alert(level=Level.CRITICAL, state=AlertState.RESOLVED),
    ]

    for alerts in itertools.permutations(expected):
        assert most_severe_first(alerts) == expected


def test_levels_are_counted_in_words() -> None:
    levels = [Level.INFO, Level.WARNING, Level.CRITICAL, Level.INFO]
    found = counts(world.alert(level=level) for level in levels)

    assert [*found.values()] == ["1 critical", "1 warning", "2 info"]
    assert counts([world.alert(level=Level.WARNING)] * 3) == {Level.WARNING: "3 warnings"}
    assert counts([]) == {}
