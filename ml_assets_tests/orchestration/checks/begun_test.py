"""Which tables belong to pipelines of which nothing was processed."""

import dagster as dg
import pytest

from ml_assets.orchestration.checks.begun import not_begun


def definitions() -> dg.Definitions:
    """Three pipelines: a → b → c and a → d; e → f; and g of both, which is made from b and f."""

    def asset(name: str, *parents: str) -> dg.AssetsDefinition:
        @dg.asset(key=["shop", name], deps=[["shop", parent] for parent in parents])
        def found() -> None: ...

        return found

    edges = {"a": (), "b": ("a",), "c": ("b",), "d": ("a",), "e": (), "f": ("e",)}
    edges["g"] = ("b", "f")
    return dg.Definitions(assets=[asset(name, *parents) for name, parents in edges.items()])


@pytest.mark.parametrize(
    ("processed", "expected"),
    [
        pytest.param([], "", id="nothing at all, so all are missing"),
        pytest.param(["shop/a"], "efg", id="a source"),
        pytest.param(["shop/d"], "efg", id="the end of one branch reaches the other one"),
        pytest.param(["shop/f"], "abcdg", id="the other pipeline"),
        pytest.param(["shop/b", "shop/e"], "", id="both"),
        pytest.param(["shop/g"], "", id="what is made from both"),
        pytest.param(["another/table"], "", id="a table of no asset"),
    ],
)
def test_pipelines_without_a_processed_table(processed: list[str], expected: str) -> None:
    assert not_begun(definitions(), processed) == {f"shop/{name}" for name in expected}
