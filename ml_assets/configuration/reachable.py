"""Settings of a model that its partitions can never meet, so that nothing is released or retrained."""

from collections.abc import Iterator

from ml_assets.configuration.pipeline import ModelConfiguration
from ml_assets.durations import Duration, partitions
from ml_assets.learning.metrics.resampling import MIN_DAYS
from ml_assets.monitoring.policy import Policy


def unreachable(config: ModelConfiguration) -> Iterator[str]:
    """Why no model can be released: an interval needs labels of some partitions of the test window.

    Args:
        config: the model.

    Yields:
        A sentence for each setting, with its value, what can be reached, and what to set.
    """
    cadence, tested = config.as_of_calendar.cadence, _tested(config)
    if tested < MIN_DAYS:
        least = Duration.of(MIN_DAYS, cadence).text
        yield (
            f"'test_window' is {config.test_window.text}, so test rows are of {tested} "
            f"{config.days.cadence} partitions at most, and intervals need {MIN_DAYS}: no model can be "
            f"released. Set at least {least}."
        )


def unreachable_retraining(config: ModelConfiguration, policy: Policy) -> Iterator[str]:
    """Why no first model is requested: its training window cannot be as long as the policy wants.

    Args:
        config: the model.
        policy: its retraining policy.

    Yields:
        A sentence as in ``unreachable``.
    """
    calendar = config.days.calendar
    wanted = partitions(policy, "min_training_window", calendar)
    reached = _trained(config)
    if wanted > reached:
        yield (
            f"'min_training_window' of policy '{policy.name}' is {wanted} {calendar.cadence} partitions, "
            f"and a model is trained on {reached} at most: no first model is requested. Set at most "
            f"{Duration.of(reached, calendar.cadence).text} in a policy, or a longer 'window' or 'days'."
        )


def _tested(config: ModelConfiguration) -> int:
    """Partitions of the test window, in the cadence of the features."""
    return config.windows.test_days * _per_as_of(config)


def _trained(config: ModelConfiguration) -> int:
    """Partitions that a model is fitted on at most, in the cadence of the features."""
    windows = config.windows
    longest = (windows.window_days - windows.held_out_days) * _per_as_of(config)
    if config.days.last_key is None:
        return longest
    known = config.days.calendar.between(config.days.first_key, config.days.last_key) + 1
    return max(0, min(longest, known - windows.held_out_days * _per_as_of(config)))


def _per_as_of(config: ModelConfiguration) -> int:
    """Number of partitions of features in one of as-of days, which may be coarser."""
    return config.days.calendar.covering(config.as_of_calendar.shortest_partition)
