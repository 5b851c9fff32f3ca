"""Reads the documents of a ``defs.yaml`` as Dagster does: days as text, templates resolved."""

import os
from collections.abc import Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from pydantic import BaseModel

from ml_assets.configuration.files.lines import line_of_text
from ml_assets.errors import ConfigurationError, sentence
from ml_assets.reading import read

if TYPE_CHECKING:
    from jinja2 import Environment


class _DocumentKeys(BaseModel, extra="forbid"):
    """Keys of a document, as in Dagster."""

    type: str
    attributes: dict[str, Any] | None = None
    template_vars_module: str | None = None
    requirements: Any = None
    post_processing: Any = None


Document = tuple[Path, dict[str, Any]]
"""A document of a file: ``type`` and ``attributes``."""


def template_of(document: Mapping[str, Any]) -> str:
    """The last part of a document's ``type``, such as ``FeatureTable``."""
    return str(document.get("type")).rpartition(".")[2]


def documents_of(file: Path) -> list[Document]:
    """Every document of a file that is a mapping; Dagster refuses others."""
    text, documents = _read(file)
    resolved = with_variables(documents, file) if has_templates(text) else documents
    return [(file, document) for document in resolved if isinstance(document, dict)]


def has_templates(value: object) -> bool:
    """Whether any text in a value, of documents or their parts, may be a template."""
    text = str(value)
    return any(mark in text for mark in ("{{", "{%", "{#"))


def with_variables(value: Any, file: Path, *, has_all: bool = False) -> Any:
    """A value in which templates such as ``{{ env.X }}`` are replaced, as in Dagster.

    Args:
        value: a value of a file.
        file: the file.
        has_all: refuses a template whose value is nothing, as its variable is not set.

    Raises:
        ConfigurationError: a template would run code, or is refused.
    """
    if isinstance(value, dict):
        return {key: with_variables(item, file, has_all=has_all) for key, item in value.items()}
    if isinstance(value, list):
        return [with_variables(item, file, has_all=has_all) for item in value]
    if not (isinstance(value, str) and has_templates(value)):
        return value
    from jinja2 import TemplateError
    from jinja2.exceptions import SecurityError

    try:
        found = _sandbox().from_string(value).render(env=_Variables())
    except SecurityError:
        raise _refused(file, value, "would run code") from None
    except TemplateError:  # Dagster resolves more than the environment and reports errors
        return value
    if found is None and has_all:
        raise _refused(file, value, "has no value, as its variable is not set: export it")
    return found


def _refused(file: Path, template: str, problem: str) -> ConfigurationError:
    line = line_of_text(file, template)
    where = f" (line {line})" if line else ""
    return ConfigurationError(
        f"{file.parent.name}/{file.name} is not usable: the template {template} {problem}{where}. "
        "Expected an environment variable such as '{{ env.NAME }}'."
    )


@cache
def _sandbox() -> "Environment":
    """Renders templates to values, and none that runs code."""
    from jinja2.nativetypes import NativeEnvironment
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Sandbox(ImmutableSandboxedEnvironment, NativeEnvironment):
        pass

    return Sandbox()


class _Variables:
    """Environment variables in a template: ``env.X``, or ``env('X', 'default')``."""

    def __call__(self, name: str, default: str | None = None) -> str | None:
        return os.environ.get(name, default)

    def __getattr__(self, name: str) -> str | None:
        if name.startswith("jinja"):
            raise AttributeError(name)
        return os.environ.get(name)


def change_times(folder: Path) -> dict[Path, int]:
    """Each ``defs.yaml`` below a folder, and when it was changed last (nanoseconds since 1970).

    Args:
        folder: the folder.
    """
    return {file: file.stat().st_mtime_ns for file in folder.rglob("defs.yaml")}


def refuse_unusable(file: Path) -> None:
    """Refuse a file whose documents are not templates with attributes.

    Raises:
        ConfigurationError: the file cannot be read, or a document has no ``type``, or a key that is unknown.
    """
    documents = read_yaml(file)
    where = f"{file.parent.name}/{file.name}"
    if not documents:
        raise ConfigurationError(f"{where} is empty. Write its documents, or remove it.")
    for number, document in enumerate(documents, 1):
        read(_DocumentKeys, document, f"Document {number} of {where}")


def read_yaml(file: Path) -> list[Any]:
    """Every document of a file, with templates as they are.

    Raises:
        ConfigurationError: the file cannot be read or is not valid YAML.
    """
    return _read(file)[1]


def _read(file: Path) -> tuple[str, list[Any]]:
    """The text of a file, and its documents with templates as they are."""
    try:
        text = file.read_text(encoding="utf-8")
        return text, _parsed(text)
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
        raise ConfigurationError(
            f"{file.parent.name}/{file.name} is not valid YAML: {sentence(_problem(error))} Correct it there."
        ) from None


def _problem(error: yaml.YAMLError | UnicodeDecodeError | OSError) -> str:
    """What is wrong with a file, and its line, without parts of the library's messages that name no file."""
    if isinstance(error, OSError):
        return f"it cannot be read ({error.strerror})"
    if isinstance(error, UnicodeDecodeError):
        line = error.object[: error.start].count(b"\n") + 1
        return f"byte {error.start} is not UTF-8 (line {line}). Save it as UTF-8"
    if isinstance(error, yaml.MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        where = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
        return f"{', '.join(filter(None, (error.context, error.problem)))}{where}"
    if isinstance(error, yaml.reader.ReaderError):
        character = error.character if isinstance(error.character, int) else ord(error.character)
        return f"the character #x{character:04x} at position {error.position} is not allowed"
    return str(error)


@lru_cache(16)
def _parsed(text: str) -> list[Any]:
    """Documents of a text; each template of a file asks for those of all others."""
    return list(yaml.load_all(text, Loader))


class Loader(yaml.CSafeLoader):  # type: ignore[misc]
    """YAML as in Dagster: a day remains a text. libyaml parses ten times as fast as Python.

    A key that a mapping has twice is refused, as YAML demands: otherwise the first value is lost.
    """

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._merged: set[yaml.Node] = set()

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Merge what ``<<`` names into a mapping, which may name its keys again, but its own keys once."""
        if node not in self._merged:
            self._merged.add(node)
            _refuse_twice(node)
        super().flatten_mapping(node)


def _refuse_twice(node: yaml.MappingNode) -> None:
    lines: dict[str, int] = {}
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode):
            continue
        if key.value in lines:
            raise yaml.constructor.ConstructorError(
                problem=f"the key '{key.value}' is given twice, first in line {lines[key.value]}",
                problem_mark=key.start_mark,
            )
        lines[key.value] = key.start_mark.line + 1


Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}
