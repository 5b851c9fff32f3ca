"""Routes have names without secrets."""

import re

from ml_assets_tests.alerts.delivery.telling import routes

JSON = "json://127.0.0.1:1"
SLACK = "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7"


def test_routes_are_named_by_level_hash_and_service_without_secrets() -> None:
    found = routes(critical=f"pagerduty://integration@key {SLACK}", info="JSON://127.0.0.1:8080")

    shapes = ["critical-MARK (pagerduty)", "critical-MARK (slack)", "info-MARK (json)"]
    assert [re.sub("-[0-9a-f]{6} ", "-MARK ", route.name) for route in found] == shapes
    assert "TIiajkdnlazkcOXrIdevi7" not in repr(found)


def test_a_route_says_which_url_of_which_variable_it_is() -> None:
    _, second = routes(critical=f"{JSON} {SLACK}")

    assert second.place == "URL number 2 of ML_ASSETS_ALERTS__CRITICAL"


def test_a_route_keeps_its_name_whatever_other_routes_there_are() -> None:
    (alone,) = routes(warning=SLACK)

    assert routes(warning=f"{JSON} {SLACK}")[1].name == alone.name
    assert routes(warning=f"{SLACK} {JSON}")[0].name == alone.name
    assert routes(warning=JSON)[0].name != alone.name


def test_a_route_keeps_its_name_with_another_password() -> None:
    before, after = "json://user:hunter2@127.0.0.1:1", "json://user:hunter3@127.0.0.1:1?rto=9"

    assert routes(warning=before)[0].name == routes(warning=after)[0].name


def test_routes_that_differ_in_secrets_only_have_names_of_their_own() -> None:
    first, second = routes(warning="json://user:a@127.0.0.1:1 json://user:b@127.0.0.1:1")

    assert second.name == first.name.replace(" ", "-2 ")


def test_nothing_configured_is_no_route() -> None:
    assert routes() == []
