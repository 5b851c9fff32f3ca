"""Routes have names without secrets."""

from ml_assets_tests.alerts.delivery.telling import routes

SLACK = "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7"


def test_routes_are_named_by_level_number_and_service() -> None:
    found = routes(critical=f"pagerduty://integration@key {SLACK}", info="JSON://127.0.0.1:8080")

    assert [route.name for route in found] == [
        "critical-1 (pagerduty)",
        "critical-2 (slack)",
        "info-1 (json)",
    ]
    assert "TIiajkdnlazkcOXrIdevi7" not in repr(found)


def test_nothing_configured_is_no_route() -> None:
    assert routes() == []
