"""What a service answered becomes predictions with labels and performance, traced to the log."""

import json
from dataclasses import replace
from pathlib import Path

from ml_assets.lineage.logged import is_logged, trace_logged
from ml_assets.lineage.pipelines import PipelineTables
from ml_assets.lineage.trace import prediction_row
from ml_assets.workspace import Workspace
from ml_assets_tests.components.shop import definitions, raw_table
from ml_assets_tests.project import Project
from ml_assets_tests.serving.app_test import PREDICT
from ml_assets_tests.serving.conftest import Serve
from ml_assets_tests.serving.parcels import LAST, same, text

TABLES = PipelineTables("shop", "shop/parcels", "shop/weights", "weight", ("order",), True)


def test_answers_are_collected_labelled_measured_and_traced(
    serve: Serve, project: Project, tmp_path: Path
) -> None:
    asked = project.lake.read("shop/parcels", [LAST])[["order", "region", "items", "hour"]].head(40)
    requests = json.loads(asked.to_json(orient="records"))
    client = serve(serving={"predictions": "log"})
    first = client.post(PREDICT, json=requests, params={"at": f"{LAST}T11:00Z"})
    again = client.post(PREDICT, json=requests[:10], params={"at": f"{LAST}T12:00Z"})
    assert (first.status_code, again.status_code) == (200, 200)
    last = {one["prediction_id"]: one for one in [*first.json(), *again.json()]}
    collecting = definitions(tmp_path / "collecting", text(predictions="log"), raw_table())

    done = replace(project, definitions=collecting).materialize("group:shop__predictions", LAST)

    assert done.succeeded, done.failed_steps
    predictions = project.lake.read("shop/predictions", [LAST]).set_index("prediction_id")
    assert {*predictions.index} == {*last}
    for prediction_id, answer in last.items():
        row = predictions.loc[prediction_id]
        assert same(row["prediction"], answer["prediction"])
        assert row["feature_version"] == f"event:{answer['event_id']}"
    assert len(project.lake.read("shop/logged_predictions", [LAST])) == 50
    assert len(project.lake.read("shop/labels", [LAST])) == 40
    assert "mae" in set(project.lake.read("shop/performance", [LAST])["metric"])

    answer = again.json()[0]
    row = prediction_row(project.lake, TABLES, answer["prediction_id"])
    assert is_logged(row)
    found = trace_logged(project.lake, Workspace.of_environment().prediction_log, TABLES, row)
    assert found.entry is not None
    assert found.entry.event_id == answer["event_id"]
    assert found.entry.request == requests[0]
    assert found.entry.features["items"] == requests[0]["items"]
    assert found.entry.ages == answer["ages_seconds"]
    assert [*found.entry.missing] == answer["missing"] == ["usual_items"]
    assert found.model.model.content_hash == found.entry.model_version
