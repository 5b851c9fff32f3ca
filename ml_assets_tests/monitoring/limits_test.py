"""Limits of a metric, checked against its task and direction."""

import pytest

from ml_assets.errors import ConfigurationError
from ml_assets.monitoring.limits import Limit, PerformanceRules


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"mea": Limit(at_most=1)}, "no metric of a regression. Did you mean 'mae'"),
        ({"auc": Limit(at_least=0.5)}, "no metric of a regression"),
        ({"mae": Limit(at_least=1)}, "of which less is better: its limit is 'at_most'"),
    ],
    ids=["misspelt", "of another task", "wrong direction"],
)
def test_limits_that_cannot_be(limits: dict[str, Limit], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        PerformanceRules(limits=limits).check("regression")


@pytest.mark.parametrize("given", [{}, {"at_least": 1, "at_most": 2}], ids=["none", "both"])
def test_a_limit_is_one_value(given: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="name one of at_least and at_most"):
        Limit(**given)
