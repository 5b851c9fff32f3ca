"""Day contracts of this pipeline's tables; comments give the range of each value in 2013.

No day within that range is quarantined. Predictions and labels only warn: predictions are never
changed, and labels come from outcomes that passed their own contract.
"""

from ml_assets.contracts.day import (
    DayContract,
    against_usual,
    joined_share,
    missing_share,
    rate,
    share_above,
)


class FeaturesDay(DayContract):
    """A day of features."""

    # 0.64 (28 November) to 1.20 (30 November), as of flights
    rows_against_usual: float = against_usual(ge=0.55, le=1.5)
    # 0.977 (22 August) to 1; without the weather of one airport about 0.67
    with_weather: float = joined_share("temp", ge=0.9, on_failure="warn")
    # share older than three hours: at most 0.032 (1 November)
    with_old_weather: float = share_above("weather_age_hours", 3, le=0.2, on_failure="warn")
    # 0.61 (1 May, new flight numbers) to 0.86; none on 1 January, which has no history
    with_plane: float = joined_share("plane_seats", ge=0.4, on_failure="warn")
    # 0.475 (9 February) to 0.997
    with_recent_departures: float = joined_share("origin_delay_3h", ge=0.3, on_failure="warn")
    # 0.774 on 1 January, 1 on all other days
    with_weekly_rates: float = joined_share("origin_late_rate_7d", ge=0.7, on_failure="warn")


class OutcomesDay(DayContract):
    """The outcomes that became known on a day."""

    # 0.64 (28 November) to 1.20 (30 November)
    rows_against_usual: float = against_usual(ge=0.55, le=1.5)
    # 0.044 (2 October) to 0.831 (8 March)
    late_rate: float = rate("late", ge=0.005, le=0.95)
    late_rate_as_usual: float = rate("late", ge=0.02, le=0.85, on_failure="warn")
    # 0 to 0.575 (9 February)
    arr_delay_missing: float = missing_share("arr_delay", le=0.8)


class PredictionsDay(DayContract):
    """A day of predictions."""

    # 0.64 to 1.20, as of features
    rows_against_usual: float = against_usual(ge=0.55, le=1.5, on_failure="warn")
    # late rates of the year are 0.044 to 0.831
    mean_prediction: float = rate("prediction", ge=0.02, le=0.85, on_failure="warn")


class LabelsDay(DayContract):
    """The labels that arrived on a day."""

    # 0.65 (29 November) to 1.22 (11 July, the day after a storm)
    rows_against_usual: float = against_usual(ge=0.55, le=1.5, on_failure="warn")
    # 0.048 (29 November) to 0.812 (8 March)
    late_rate: float = rate("label", ge=0.02, le=0.85, on_failure="warn")
