"""Which tables belong to pipelines of which nothing was processed."""

import dagster as dg
import pytest

from ml_assets.orchestration.checks.begun import not_begun


def definitions() -> dg.Definitions:
    """Two pipelines: a → b → c and a → d; and e → f."""

    def asset(name: str, *parents: str) -> dg.AssetsDefinition:
        @dg.asset(key=["shop", name], deps=[["shop", parent] for parent in parents])
        def found() -> None: ...

        return found

    edges = {"a": (), "b": ("a",), "c": ("b",), "d": ("a",), "e": (), "f": ("e",)}
    return dg.Definitions(assets=[asset(name, *parents) for name, parents in edges.items()])


@pytest.mark.parametrize(
    ("processed", "expected"),
    [
        pytest.param([], "", id="nothing at all, so all are missing"),
        pytest.param(["shop/a"], "ef", id="a source"),
        pytest.param(["shop/d"], "ef", id="the end of one branch reaches the other one"),
        pytest.param(["shop/f"], "abcd", id="the other pipeline"),
        pytest.param(["shop/b", "shop/e"], "", id="both"),
        pytest.param(["another/table"], "", id="a table of no asset"),
    ],
)
def test_pipelines_without_a_processed_table(processed: list[str], expected: str) -> None:
    assert not_begun(definitions(), processed) == {f"shop/{name}" for name in expected}
