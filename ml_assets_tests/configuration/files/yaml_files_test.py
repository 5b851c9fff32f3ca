"""What is wrong with a YAML file is told with its file and line, and nothing in it is lost silently."""

from pathlib import Path

import pytest

from ml_assets.configuration.files.yaml_files import read_yaml, refuse_unusable, with_variables
from ml_assets.errors import ConfigurationError


def written(folder: Path, text: str | bytes) -> Path:
    """A ``defs.yaml`` of a pipeline."""
    file = folder / "shop" / "defs.yaml"
    file.parent.mkdir()
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


@pytest.mark.parametrize(
    ("text", "reported"),
    [
        pytest.param("a: 1\nb: 2\na: 3", "'a' is given twice, first in line 1 (line 3", id="key"),
        pytest.param("a:\n  - b: 1\n    b: 2", "'b' is given twice", id="key of a section"),
        pytest.param("a: 1\n---\nb: 1\nb: 2", "(line 4, column 1)", id="second document"),
        pytest.param("a: 1\n\tb: 2", "tab character", id="tab"),
        pytest.param("a: *b", "undefined alias (line 1, column 4)", id="unknown anchor"),
        pytest.param("a: fl\x07ights", "#x0007 at position 5", id="control character"),
        pytest.param("a: {{ env.X }}", "unhashable key (line 1", id="template without quotes"),
        pytest.param("a: !secret b", "the tag '!secret' (line 1", id="unknown tag"),
        pytest.param("a: 1\nb: caf\xe9".encode("latin-1"), "is not UTF-8 (line 2)", id="Latin-1"),
        pytest.param("a: 1".encode("utf-16"), "is not UTF-8 (line 1)", id="UTF-16"),
    ],
)
def test_a_file_that_is_not_valid_is_told_with_file_and_place(
    tmp_path: Path, text: str | bytes, reported: str
) -> None:
    file = written(tmp_path, text)

    with pytest.raises(ConfigurationError) as refused:
        read_yaml(file)

    assert str(refused.value).startswith("shop/defs.yaml is not valid YAML: ")
    assert reported in str(refused.value)
    assert "<unicode string>" not in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_key_may_replace_one_that_is_merged(tmp_path: Path) -> None:
    text = "a: &a {x: 1, y: 1}\nb: &b {<<: *a, x: 2}\nc:\n  <<: *b\n  y: 3"

    [found] = read_yaml(written(tmp_path, text))

    assert found == {"a": {"x": 1, "y": 1}, "b": {"x": 2, "y": 1}, "c": {"x": 2, "y": 3}}


@pytest.mark.parametrize(
    ("text", "reported"),
    [
        pytest.param("", "shop/defs.yaml is empty", id="empty"),
        pytest.param("# nothing", "shop/defs.yaml is empty", id="a comment"),
        pytest.param("attributes: {}", "Document 1 of shop/defs.yaml is not", id="no type"),
        pytest.param("type: a.B\n---\n- a", "Document 2 of shop/defs.yaml is not", id="a list"),
        pytest.param("type: a.B\nattribute: {}", "Did you mean 'attributes'?", id="unknown key"),
        pytest.param("type: a.B\nattributes: [a]", "'attributes' is ['a']", id="no mapping"),
        pytest.param("type: 3", "'type' is 3", id="a number as type"),
    ],
)
def test_documents_that_are_no_templates_are_refused(
    tmp_path: Path, text: str, reported: str
) -> None:
    with pytest.raises(ConfigurationError) as refused:
        refuse_unusable(written(tmp_path, text))

    assert reported in str(refused.value)


def test_a_template_of_a_variable_that_is_not_set_is_refused_with_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SHOP_TABLE", raising=False)
    file = written(tmp_path, "a: 1\ntable: '{{ env.SHOP_TABLE }}'")

    with pytest.raises(ConfigurationError, match=r"SHOP_TABLE }} has no value.* \(line 2\)"):
        with_variables({"table": "{{ env.SHOP_TABLE }}"}, file, has_all=True)

    monkeypatch.setenv("SHOP_TABLE", "orders")
    assert with_variables("{{ env.SHOP_TABLE }}", file, has_all=True) == "orders"
