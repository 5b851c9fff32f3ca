"""What a monitored pipeline stores in some days, without running it: one feature drifts, one class appears.

``tables`` makes the rows with the functions that the assets call; ``state`` is what a page shows of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache

import numpy as np
import pandas as pd

from ml_assets import nouns
from ml_assets.alerts.alert import Alert, AlertState
from ml_assets.alerts.finding import Level
from ml_assets.content import DAY
from ml_assets.lake.store import Lake
from ml_assets.learning.evaluation import OVERALL
from ml_assets.ledger.entries import Entry, Status
from ml_assets.lineage.status.state import ChampionState
from ml_assets.lineage.status.values import NextStep, PipelineStatus, StageProgress, UnusableDay
from ml_assets.monitoring.drift import drift_report, reference_profile
from ml_assets.monitoring.performance import COVERAGE, TOO_FEW
from ml_assets.monitoring.profile import daily_profiles, reference_from_rows, to_rows
from ml_assets.reports.pages.state import IndexState, Monitored, PageState, Released

PIPELINE, METRIC = "flight_delays", "auc"
FIRST, AS_OF, SECOND = "2013-04-01", "2013-04-01", "2013-04-15"
"""The first day, and the as-of days of two champions."""

DRIFTED, NAMED = "wait_minutes", "carrier"
"""A number that moves away from its reference, and a feature of categories, one of which is new."""

NUMBERS = 20
WINDOW = 7
ROWS = 120
"""Rows of a day."""

HOSTILE = "</script><script>document.title = 'owned'</script><img src=x onerror=alert(1)>"
AT = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
COUNTED = [DRIFTED, *(f"feature_{number}" for number in range(NUMBERS)), NAMED]
GROUPS = {DRIFTED: "structural", NAMED: "structural", "feature_0": "environment"}


def days(count: int) -> list[str]:
    """The days of the world."""
    return [str(day.date()) for day in pd.date_range(FIRST, periods=count)]


@cache
def tables(count: int = 30) -> dict[str, pd.DataFrame]:
    """Noun → rows of all days, or of all as-of days."""
    reference = reference_profile(_features("2013-01-01", 60), COUNTED[:-1], [NAMED], WINDOW)
    bins = [one.bins for one in reference_from_rows(reference)]
    profiles = to_rows(*daily_profiles(_features(FIRST, count, moved=True), bins), AS_OF)
    every = days(count)
    reports = [
        drift_report(
            reference,
            profiles[profiles[DAY].isin(every[max(0, place - WINDOW + 1) : place + 1])],
            GROUPS,
            day=day,
            reference=AS_OF,
            min_rows=ROWS,
        )
        for place, day in enumerate(every)
    ]
    return {
        nouns.PERFORMANCE: _performance(every),
        nouns.PERFORMANCE_REPORT: pd.DataFrame([row for day in every[6:] for row in _report(day)]),
        nouns.FEATURE_REFERENCE: reference.assign(**{DAY: AS_OF}),
        nouns.FEATURE_PROFILE: profiles,
        nouns.DRIFT_REPORT: pd.concat(reports, ignore_index=True),
        nouns.RETRAINING_DECISION: pd.DataFrame([_retraining(day) for day in every[6::7]]),
        nouns.RELEASE_DECISION: pd.DataFrame(
            [_release(AS_OF, "passed"), _release(SECOND, "passed")]
        ),
        nouns.CHAMPION: pd.DataFrame([_champion(AS_OF, 1), _champion(SECOND, 2)]),
        nouns.MODEL_CARD: pd.DataFrame([_card(AS_OF, 1), _card(SECOND, 2)]),
    }


def state(count: int = 30, **changes: object) -> PageState:
    """What the page of the pipeline shows.

    Args:
        count: number of days.
        changes: fields that differ.
    """
    found, every = tables(count), days(count)
    profiles = found[nouns.FEATURE_PROFILE]
    stages = [predicted(every[-1])]
    made = PageState(
        name=PIPELINE,
        status=_status(stages),
        next_step=NextStep("nothing is open; look at the results", "ml-assets ui"),
        at=AT,
        metric=METRIC,
        monitored=Monitored(
            performance=found[nouns.PERFORMANCE],
            reports=found[nouns.PERFORMANCE_REPORT],
            drift=found[nouns.DRIFT_REPORT],
            reference=found[nouns.FEATURE_REFERENCE],
            profiles=profiles[profiles[DAY].isin(every[-WINDOW:])],
            retrainings=found[nouns.RETRAINING_DECISION],
        ),
        released=Released(
            decisions=found[nouns.RELEASE_DECISION],
            champions=found[nouns.CHAMPION],
            card=found[nouns.MODEL_CARD]["markdown"].iloc[-1],
        ),
        unusable=[
            UnusableDay("sources/weather", every[-2], "quarantined", HOSTILE, False, False),
            UnusableDay(f"{PIPELINE}/features", every[-2], "skipped", "of weather", True, False),
        ],
        rejected=[Entry("sources/weather", every[3], Status.STORED, rows=70, dead_letters=1234)],
        alerts=[alert()],
    )
    return replace(made, **changes)


def predicted(last: str, behind: int | None = 0, **changes: str) -> StageProgress:
    """How far the predictions are, of which the last day is stored unless changes say otherwise."""
    stage = StageProgress(
        f"{PIPELINE}/{nouns.PREDICTIONS}", last, behind, "", last_state="stored", stored_day=last
    )
    return replace(stage, **changes)


def index(*pipelines: PageState, alerts: Sequence[Alert] = ()) -> IndexState:
    """What the index shows of some pipelines and alerts."""
    return IndexState(pipelines, alerts, AT)


def empty() -> PageState:
    """A pipeline of which nothing was computed."""
    status = replace(_status([]), champion=None, is_begun=False)
    return PageState("young", status, NextStep("begin", "make demo"), AT, metric=METRIC)


def alert(**changes: object) -> Alert:
    """An open alert with its cause."""
    found = Alert(
        id="0123abcd",
        kind="performance_dropped",
        level=Level.CRITICAL,
        pipeline=PIPELINE,
        subject=METRIC,
        segment="carrier=EV",
        message=f"auc fell to 0.61; likely due to {DRIFTED}, from sources/flights.wait {HOSTILE}",
        since="2013-04-20",
        until="2013-04-26",
        command=f"ml-assets status {PIPELINE}",
        state=AlertState.OPEN,
        first_seen=AT,
        last_seen=AT,
    )
    return replace(found, **changes)


def write(lake: Lake, found: Mapping[str, pd.DataFrame]) -> None:
    """Store the tables as the assets would."""
    for noun, rows in found.items():
        table, of_table = f"{PIPELINE}/{noun}", sorted(rows[DAY].unique())
        written, counts = lake.write(table, rows, of_table), rows[DAY].value_counts()
        lake.ledger.append(
            [
                written.complete(Entry(table, day, Status.STORED, rows=int(counts[day])))
                for day in of_table
            ]
        )


def _features(first: str, count: int, *, moved: bool = False) -> pd.DataFrame:
    random = np.random.default_rng(count)
    every = pd.date_range(first, periods=count).strftime("%Y-%m-%d").repeat(ROWS)
    rows = pd.DataFrame(random.normal(size=(len(every), len(COUNTED) - 1)), columns=COUNTED[:-1])
    rows[NAMED] = random.choice(["EV", "UA", "DL"], len(every))
    rows["feature_1"] = random.integers(0, 4, len(every))
    if moved:
        rows[DRIFTED] += np.linspace(0, 3, len(every))
        rows.loc[random.random(len(every)) < 0.3, NAMED] = "XX"
        rows.loc[random.random(len(every)) < 0.2, "feature_0"] = np.nan
    return rows.assign(**{DAY: every})


def _performance(every: list[str]) -> pd.DataFrame:
    random = np.random.default_rng(1)
    rows = []
    for day in every:
        common = {DAY: day, "mean_label": 0.2, "note": ""}
        overall = {"segment_column": OVERALL, "segment": OVERALL, "rows": ROWS}
        value = 0.7 + random.normal() * 0.03
        rows += [
            {**common, **overall, "metric": METRIC, "value": value},
            {**common, **overall, "metric": COVERAGE, "value": 0.98},
        ]
        rows += [
            {
                **common,
                "segment_column": "carrier",
                "segment": name,
                "metric": METRIC,
                "value": value + offset,
                "rows": 40,
            }
            for name, offset in (("EV", -0.05), ("UA", 0.02), ("DL", 0.01))
        ]
        small = {"segment_column": "carrier", "segment": "YV", "metric": METRIC, "rows": 2}
        rows.append({**common, **small, "value": np.nan, "note": TOO_FEW})
    return pd.DataFrame(rows)


def _report(day: str) -> list[dict[str, object]]:
    """A window overall and of each segment; that of EV is beyond its limit."""
    segments = {"EV": 0.60, "UA": 0.72, "DL": 0.71}
    every = [(OVERALL, OVERALL, 0.70), *(("carrier", *one) for one in segments.items())]
    return [
        {
            DAY: day,
            "model_as_of": AS_OF,
            "segment_column": column,
            "segment": segment,
            "metric": METRIC,
            "window_first": FIRST,
            "window_last": day,
            "value": value,
            "low": value - 0.02,
            "high": value + 0.02,
            "rows": ROWS,
            "predictions": ROWS,
            "coverage": 0.98,
            "is_provisional": False,
            "at_release": 0.75,
            "limit": 0.68,
            "is_breached": value < 0.65,
            "note": "",
        }
        for column, segment, value in every
    ]


def _retraining(day: str) -> dict[str, object]:
    return {
        DAY: day,
        "verdict": "keep",
        "reason": f"auc is as at its release {HOSTILE}",
        "rule": "nothing",
        "policy": "triggered",
        "as_of": "",
        "champion": "f1",
        "champion_as_of": AS_OF,
        "metric_at_release": 0.75,
        "metric_now": 0.7012,
        "mean_prediction": 0.2,
        "mean_label": 0.2,
        "labels": 1234,
        "drifted_structural": 1,
        "drifted_features": 1,
        "strongest_drift": DRIFTED,
        "data_growth": 0.1,
        "asked_before": 0,
    }


def _release(as_of: str, verdict: str) -> dict[str, object]:
    return {
        DAY: as_of,
        "verdict": verdict,
        "reason": f"all gates {verdict}",
        "findings": "{}",
        "evidence": "e1",
        "metric": METRIC,
    }


def _champion(as_of: str, version: int) -> dict[str, object]:
    return {
        DAY: as_of,
        "fingerprint": f"f{version}",
        "version": version,
        "serves_from": as_of,
        "released_by": "gates",
        "evidence": "e1",
        "metric": METRIC,
        "value": 0.74 + version / 100,
        "training_days": 60,
        "training_last": "2013-03-31",
        "replaces": AS_OF if version > 1 else "",
    }


def _card(as_of: str, version: int) -> dict[str, object]:
    text = f"# Model card: {PIPELINE}, version {version}\n\n## Data\n\n| a | b |\n| --- | --- |\n| 1 | 2 |\n"
    return {DAY: as_of, "fingerprint": f"f{version}", "version": version, "markdown": text}


def _status(stages: list[StageProgress]) -> PipelineStatus:
    return PipelineStatus(
        pipeline=PIPELINE,
        is_begun=True,
        champion=ChampionState(2, SECOND, SECOND, "gates", METRIC, 0.76),
        last_release=None,
        waiting=[],
        retraining=None,
        last_retraining_decision=None,
        changed=None,
        sources_until="",
        stages=stages,
        problem="",
    )
