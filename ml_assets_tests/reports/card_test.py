"""Model cards: complete, escaped and reproducible."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ml_assets.learning.evaluation import OVERALL
from ml_assets.learning.metrics import METRICS
from ml_assets.registry.serving import ServingRecord
from ml_assets.release.evidence.fairness import GAP, RATES
from ml_assets.reports.card import (
    MEANINGS,
    CardContents,
    Check,
    Data,
    Feature,
    TableVersion,
    html,
    markdown,
)

NAN = float("nan")
HOSTILE = (
    "<script>alert('x')</script> a|b\n| c |\n# d [e](http://f) ![g](http://h) `i` *j* _k_ &amp;"
)


def metric(column: str, segment: str, name: str, value: float, rows: int = 1000) -> dict[str, Any]:
    """A row of an evaluation, with an interval of ±0.01."""
    bounds = {"low": value - 0.01, "high": value + 0.01}
    return {
        "segment_column": column,
        "segment": segment,
        "metric": name,
        "value": value,
        **bounds,
        "rows": rows,
    }


def compared(
    column: str, segment: str, name: str, new: float, old: float, rows: int = 1000
) -> dict:
    """A row of a comparison."""
    gain = new - old
    return {
        "segment_column": column,
        "segment": segment,
        "metric": name,
        "challenger": new,
        "champion": old,
        "improvement": gain,
        "low": gain - 0.005,
        "high": gain + 0.005,
        "rows": rows,
        "is_judged": rows >= 500,
    }


def rate(group: str, name: str, value: float) -> dict[str, Any]:
    """A row of the fairness evidence."""
    return {
        "attribute": "origin",
        "group": group,
        "metric": name,
        "challenger": value,
        "low": value - 0.02,
        "high": value + 0.02,
        "champion": value + 0.1,
        "rows": 4000,
        "is_judged": True,
    }


CARD = CardContents(
    pipeline="flight_delays",
    version="7",
    fingerprint="3f9c1b77e2d04a55",
    as_of="2014-01-01",
    purpose="It says how likely a flight is to be late.",
    owners=["team:flight-delays", "ann"],
    verdict="promoted",
    decided_by="ann (approval 3)",
    task="classification",
    estimator="sklearn.ensemble.HistGradientBoostingClassifier",
    hyperparameters={"max_iter": 120, "learning_rate": 0.1},
    label="late",
    features=[
        Feature("carrier", "Who flies."),
        Feature("minute_of_day", "Scheduled departure.", "minutes"),
    ],
    data=Data(
        training_first="2013-01-08",
        training_last="2013-12-10",
        training_rows=288_112,
        test_first="2013-12-18",
        test_last="2013-12-31",
        test_rows=13_112,
        tables=[TableVersion("flight_delays/flight_features", 365, "9a0b7c2d")],
    ),
    main_metric="auc",
    metrics=pd.DataFrame(
        [
            metric(OVERALL, OVERALL, "brier", 0.15343),
            metric(OVERALL, OVERALL, "auc", 0.73261),
            metric("carrier", "HA", "brier", 0.1, rows=30),
            metric("carrier", "HA", "auc", NAN, rows=30),
            metric("carrier", "UA", "brier", 0.2, rows=600),
            metric("carrier", "UA", "auc", 0.7, rows=600),
        ]
    ),
    comparison=pd.DataFrame(
        [
            compared(OVERALL, OVERALL, "brier", 0.1534, 0.1561),
            compared(OVERALL, OVERALL, "auc", 0.7326, 0.7201),
            compared("carrier", "UA", "auc", 0.70, 0.72, rows=600),
            compared("carrier", "HA", "auc", NAN, 0.72, rows=30),
        ]
    ),
    champion="2013-06-03",
    fairness=pd.DataFrame(
        [rate("EWR", "true_positive_rate", 0.5), rate(GAP, "true_positive_rate", 0.11)]
    ),
    gates=[
        Check("is_unseen", True, "no test row was fitted"),
        Check("beats_champion", True, "auc is better"),
    ],
    approvals=[
        {"at": "2014-01-01", "by": "ann", "action": "approve", "reason": "all is well"},
        {
            "at": "2014-01-02",
            "by": "bob",
            "action": "reject",
            "reason": "why not",
            "remark": "came too late",
        },
    ],
    integration_tests=[Check("loads", False, "took 9 s")],
    serving=ServingRecord(served_by="treelite", reason="", rows=1000, distance=2.2e-16),
    limits=["New York only.", "It knows no strike."],
    code_version="1e62cd7",
    library_versions={"skops": "0.16.0", "pandas": "3.1.0"},
)
REGRESSION = replace(
    CARD,
    task="regression",
    label="delay",
    main_metric="rmse",
    metrics=pd.DataFrame(
        [metric(OVERALL, OVERALL, "mae", 1234.5678), metric(OVERALL, OVERALL, "rmse", 23.4567)]
    ),
    comparison=pd.DataFrame([compared(OVERALL, OVERALL, "rmse", 23.4567, 2345.678)]),
    fairness=pd.DataFrame(),
)


def section(text: str, title: str) -> str:
    """The text below a heading, up to the next heading of its level or above."""
    level = re.escape(title.partition(" ")[0])
    found = re.search(
        rf"^{re.escape(title)}\n(.*?)(?=^#{{1,{level.count('#')}}} |\Z)",
        text,
        re.MULTILINE | re.DOTALL,
    )
    assert found, f"no section '{title}'"
    return found[1]


def rows_of(text: str) -> list[list[str]]:
    """Cells of the rows of all tables in a text, without their headers."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    cells = [re.split(r"(?<!\\)\|", line)[1:-1] for line in lines]
    is_rule = [
        all(set(cell.strip()) <= set(":-") and cell.strip() for cell in row) for row in cells
    ]
    after_rule = [*is_rule[1:], False]
    return [
        [cell.strip() for cell in row]
        for row, rule, header in zip(cells, is_rule, after_rule, strict=True)
        if not rule and not header
    ]


class Page(HTMLParser):
    """Tags, cells and list items of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.texts: dict[str, list[str]] = {"td": [], "li": [], "h1": [], "p": [], "title": []}
        self.inside: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attributes) -> None:
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attributes}
        if tag in self.texts:
            self.texts[tag].append("")
            self.inside.append(tag)

    def handle_endtag(self, tag) -> None:
        if tag in self.texts:
            self.inside.remove(tag)

    def handle_data(self, data) -> None:
        for tag in self.inside:
            self.texts[tag][-1] += data


def test_it_begins_with_what_the_model_is_for_and_why_it_was_released() -> None:
    [title, _, first, *_] = markdown(CARD).splitlines()

    assert title == "# Model card: flight_delays, version 7"
    assert first == (
        "It says how likely a flight is to be late. Version 7 was fitted on 288,112 rows of "
        "2013-01-08 to 2013-12-10 and tested on 13,112 rows of 2013-12-18 to 2013-12-31. Its auc "
        "is 0.7326; that of the champion (as of 2013-06-03) on the same rows is 0.7201. Verdict: "
        "**promoted**, by ann (approval 3). All 2 gates passed."
    )


def test_card_of_a_blocked_version_lists_the_failed_gates() -> None:
    failed = [
        Check("groups_are_close", False, "the gap is 0.4"),
        Check("is_unseen", False, "it is"),
    ]
    card = replace(CARD, verdict="blocked", decided_by="", gates=[CARD.gates[0], *failed])

    text = markdown(card)

    assert (
        "Verdict: **blocked**. Of 3 gates, 2 did not pass: groups_are_close (the gap is 0.4); "
        "is_unseen (it is).\n" in text
    )
    assert ["groups_are_close", "**failed**", "the gap is 0.4"] in rows_of(
        section(text, "### Gates")
    )


def test_sections_come_in_the_order_readers_need_them() -> None:
    assert re.findall(r"^## (.*)$", markdown(CARD), re.MULTILINE) == [
        "The model",
        "Release",
        "Metrics",
        "Segments",
        "Fairness",
        "Data",
        "Limits",
        "Provenance",
    ]


@pytest.mark.parametrize(
    ("title", "rows"),
    [
        pytest.param(
            "## The model", [["learning_rate", "0.1"], ["max_iter", "120"]], id="hyperparameters"
        ),
        pytest.param(
            "### Gates",
            [
                ["is_unseen", "passed", "no test row was fitted"],
                ["beats_champion", "passed", "auc is better"],
            ],
            id="gates",
        ),
        pytest.param(
            "### Approvals",
            [
                ["2014-01-01", "ann", "approve", "all is well", ""],
                ["2014-01-02", "bob", "reject", "why not", "came too late"],
            ],
            id="approvals",
        ),
        pytest.param(
            "### Integration tests", [["loads", "**failed**", "took 9 s"]], id="integration tests"
        ),
        pytest.param(
            "### Compared with the champion (as of 2013-06-03)",
            [
                ["auc", "0.7326", "0.7201", "+0.0125 [0.0075, 0.0175]", "1,000"],
                ["brier", "0.1534", "0.1561", "-0.0027 [-0.0077, 0.0023]", "1,000"],
            ],
            id="comparison, the main metric first",
        ),
        pytest.param(
            "### By carrier",
            [
                ["UA", "600", "0.7000 [0.6900, 0.7100]", "0.2000 [0.1900, 0.2100]"],
                ["HA", "30", "–", "0.1000 [0.0900, 0.1100]"],
            ],
            id="segments, the largest first",
        ),
        pytest.param(
            "### Segments compared with the champion (as of 2013-06-03)",
            [
                [
                    "carrier = UA",
                    "auc",
                    "0.7000",
                    "0.7200",
                    "-0.0200 [-0.0250, -0.0150]",
                    "600",
                    "yes",
                ],
                ["carrier = HA", "auc", "–", "0.7200", "–", "30", "no"],
            ],
            id="segments compared",
        ),
        pytest.param(
            "## Fairness",
            [
                [
                    "origin",
                    "true_positive_rate",
                    "0.1100 [0.0900, 0.1300]",
                    "0.2100",
                    MEANINGS["true_positive_rate"],
                ],
                [
                    "origin = EWR",
                    "true_positive_rate",
                    "0.5000 [0.4800, 0.5200]",
                    "0.6000",
                    "4,000",
                    "yes",
                ],
            ],
            id="fairness, the gap first",
        ),
        pytest.param(
            "### Features",
            [
                ["carrier", "Who flies.", ""],
                ["minute_of_day", "Scheduled departure.", "minutes"],
            ],
            id="features",
        ),
        pytest.param(
            "## Provenance",
            [
                ["flight_delays/flight_features", "365", "`9a0b7c2d`"],
                ["pandas", "3.1.0"],
                ["skops", "0.16.0"],
            ],
            id="provenance",
        ),
    ],
)
def test_tables_hold_the_values(title: str, rows: list[list[str]]) -> None:
    assert rows_of(section(markdown(CARD), title)) == rows


@pytest.mark.parametrize(
    ("title", "line"),
    [
        pytest.param("## The model", "- **Owners:** team:flight-delays, ann", id="owners"),
        pytest.param("## The model", "- **As of:** 2014-01-01", id="as of"),
        pytest.param("## The model", "- **Task:** classification of `late`", id="task"),
        pytest.param(
            "## The model",
            "- **Estimator:** `sklearn.ensemble.HistGradientBoostingClassifier`",
            id="estimator",
        ),
        pytest.param("## Data", "| Training | 2013-01-08 | 2013-12-10 | 288,112 |", id="training"),
        pytest.param("## Data", "| Test | 2013-12-18 | 2013-12-31 | 13,112 |", id="test"),
        pytest.param("## Limits", "- New York only.", id="a limit"),
        pytest.param("## Limits", "- It knows no strike.", id="another limit"),
        pytest.param("## Provenance", "- **Fingerprint:** `3f9c1b77e2d04a55`", id="fingerprint"),
        pytest.param("## Provenance", "- **Code version:** `1e62cd7`", id="code version"),
    ],
)
def test_sections_hold_the_values(title: str, line: str) -> None:
    assert line in section(markdown(CARD), title).splitlines()


@pytest.mark.parametrize(
    ("changed", "title", "sentence"),
    [
        pytest.param({"owners": []}, "## The model", "**Owners:** none", id="owners"),
        pytest.param({"hyperparameters": {}}, "## The model", "defaults.", id="hyperparameters"),
        pytest.param({"gates": []}, "### Gates", "No gate was judged.", id="gates"),
        pytest.param(
            {"approvals": []}, "### Approvals", "neither approved nor rejected", id="approvals"
        ),
        pytest.param(
            {"integration_tests": []},
            "### Integration tests",
            "The integration tests have not run yet.",
            id="integration tests",
        ),
        pytest.param(
            {"serving": None}, "### Serving", "was not compared with scikit-learn yet", id="serving"
        ),
        pytest.param(
            {"metrics": pd.DataFrame()}, "## Metrics", "Nothing was measured.", id="metrics"
        ),
        pytest.param(
            {"metrics": CARD.metrics.head(2)}, "## Segments", "No segment is", id="segments"
        ),
        pytest.param(
            {"comparison": pd.DataFrame()},
            "### Compared with the champion (as of 2013-06-03)",
            "There is no comparison.",
            id="comparison",
        ),
        pytest.param(
            {"fairness": pd.DataFrame()}, "## Fairness", "fairness was not judged", id="fairness"
        ),
        pytest.param({"limits": []}, "## Limits", "None are documented.", id="limits"),
    ],
)
def test_missing_contents_have_a_text(changed, title: str, sentence: str) -> None:
    assert sentence not in section(markdown(CARD), title)
    assert sentence in section(markdown(replace(CARD, **changed)), title)


def test_first_model_is_compared_with_the_base_rate() -> None:
    text = markdown(replace(CARD, champion=""))

    assert "that of the base rate on the same rows is 0.7201" in text
    assert "| Metric | This version | Base rate |" in section(
        text, "### Compared with the base rate"
    )


def test_regression_shows_errors_in_the_labels_unit_and_no_groups() -> None:
    text = markdown(REGRESSION)

    assert (
        "Its rmse is 23.46; that of the champion (as of 2013-06-03) on the same rows is 2,346."
        in text
    )
    assert [row[:2] for row in rows_of(section(text, "## Metrics"))][:2] == [
        ["rmse", "23.46 [23.45, 23.47]"],
        ["mae", "1,235 [1,235, 1,235]"],
    ]
    assert "fairness was not judged" in section(text, "## Fairness")


def test_every_metric_is_explained() -> None:
    assert {*METRICS} | {rate for rates in RATES.values() for rate in rates} <= {*MEANINGS}


def test_unknown_metric_is_listed_without_an_explanation() -> None:
    card = replace(CARD, metrics=pd.DataFrame([metric(OVERALL, OVERALL, "lift", 2.0)]))

    assert rows_of(section(markdown(card), "## Metrics"))[0] == [
        "lift",
        "2.0000 [1.9900, 2.0100]",
        "1,000",
        "",
    ]


BY_SCIKIT_LEARN = ServingRecord(
    served_by="scikit-learn", reason="remark is free text", rows=1000, distance=0
)


@pytest.mark.parametrize(
    ("serving", "sentence"),
    [
        (
            CARD.serving,
            "values among them, they differ from scikit-learn's by at most 2e-16.",
        ),
        (BY_SCIKIT_LEARN, "from scikit-learn, because remark is free text."),
        (
            BY_SCIKIT_LEARN.model_copy(update={"latency_p50_ms": 38.2}),
            "because remark is free text; one request took 38 ms (median).",
        ),
    ],
    ids=["by a scorer", "before it was measured", "measured"],
)
def test_card_says_what_predicts(serving: ServingRecord, sentence: str) -> None:
    assert sentence in section(markdown(replace(CARD, serving=serving)), "### Serving")


def with_text(text: str) -> CardContents:
    """A card with a text in every free-text field."""
    return replace(
        CARD,
        pipeline=text,
        purpose=text,
        owners=[text],
        decided_by=text,
        estimator=text,
        hyperparameters={"max_iter": text},
        features=[Feature("carrier", text, text)],
        metrics=pd.DataFrame([metric("carrier", text, "auc", 0.7)]),
        comparison=pd.DataFrame([compared("carrier", text, "auc", 0.7, 0.6)]),
        fairness=pd.DataFrame([rate(text, "true_positive_rate", 0.5)]),
        gates=[Check("is_unseen", False, text)],
        approvals=[{"at": "2014-01-01", "by": text, "action": "approve", "reason": text}],
        integration_tests=[Check(text, True, text)],
        serving=ServingRecord(served_by="scikit-learn", reason=text, rows=1, distance=0),
        limits=[text],
    )


def test_texts_bring_no_html_no_link_and_no_picture_into_the_page() -> None:
    plain, hostile = Page(html(with_text("harmless"))), Page(html(with_text(HOSTILE)))

    codes = plain.tags.count("code") - hostile.tags.count("code")
    assert codes == 1, "the estimator alone is no identifier any more"
    assert [tag for tag in plain.tags if tag != "code"] == [
        tag for tag in hostile.tags if tag != "code"
    ]
    assert hostile.attributes == plain.attributes
    assert not {"href", "src", "onclick"} & hostile.attributes
    assert not {"script", "a", "img"} & {*hostile.tags}


def test_texts_bring_no_html_into_the_markdown() -> None:
    text = markdown(with_text(HOSTILE))

    assert not re.search(r"<\w", text)
    assert len(rows_of(text)) == len(rows_of(markdown(with_text("harmless"))))


TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1),
    st.text("|\\`*_[]()<>&#~+-=!:1. \n\tab", min_size=1),
).filter(str.strip)


@given(TEXTS)
@example("# a")
@example("1. a")
@example("- a")
@example("---")
@example("a\\|b")
@example("&lt; <br> a_b _c_ *d* `e` ~~f~~")
@settings(deadline=None, max_examples=80)
def test_any_text_is_read_as_it_was_written(text: str) -> None:
    page = Page(html(with_text(text)))

    line = " ".join(text.split())
    assert page.texts["h1"] == [f"Model card: {line}, version 7"]
    assert "".join(page.texts["title"][0].split()) == "".join(page.texts["h1"][0].split())
    assert page.texts["p"][0].startswith(f"{line} Version 7")
    assert page.texts["li"][0] == f"Owners: {line}"
    assert page.texts["td"].count(line) >= 8
    assert line in page.texts["li"]


def test_page_needs_nothing_else_and_runs_nothing() -> None:
    page = html(CARD)

    assert page.startswith("<!DOCTYPE html>")
    assert "<title>Model card: flight_delays, version 7</title>" in page
    assert "default-src 'none'" in page
    assert not re.search(r"https?://|<script|<link|<img|@import|url\(", page)


def test_page_holds_the_tables_of_the_markdown() -> None:
    page = Page(html(CARD))
    cells = [re.sub(r"[*`]", "", cell) for row in rows_of(markdown(CARD)) for cell in row]

    assert page.texts["td"] == cells


@pytest.mark.parametrize("render", [markdown, html], ids=["Markdown", "HTML"])
@pytest.mark.parametrize("card", [CARD, REGRESSION], ids=["classification", "regression"])
def test_same_contents_give_the_same_text(render, card: CardContents) -> None:
    reordered = replace(
        card,
        hyperparameters=dict(reversed(card.hyperparameters.items())),
        library_versions=dict(reversed(card.library_versions.items())),
        metrics=card.metrics.copy(),
    )

    assert render(reordered) == render(card)
    assert render(replace(card, fingerprint="0")) != render(card)
