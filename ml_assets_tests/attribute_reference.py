"""Writes docs/reference.md: every attribute of a ``defs.yaml``, from the templates themselves.

``python -m ml_assets_tests.attribute_reference`` renews the page; a test compares it.
"""

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

from docstring_parser import Docstring, parse
from pydantic import BaseModel

import ml_assets.components
from ml_assets.components.configured import Configured
from ml_assets.configuration.parts import PipelineConfiguration
from ml_assets.configuration.pipeline import ModelConfiguration
from ml_assets_tests.project import ROOT

PAGE = ROOT / "docs" / "reference.md"

INTRODUCTION = """# Attribute reference

Every attribute of the documents in a `defs.yaml`. The page is made from the templates:
`python -m ml_assets_tests.attribute_reference` renews it. Unknown attributes and values
outside their limits are refused when definitions load.
"""

Schema = Mapping[str, Any]


def templates() -> Iterator[type[Configured[Any]]]:
    """The templates of this project, in alphabetical order."""
    for name in sorted(ml_assets.components.__all__):
        yield getattr(ml_assets.components, name)


def page() -> str:
    """The text of the page."""
    parts, sections = [INTRODUCTION], dict[str, Schema]()
    for template in templates():
        schema = template.configuration.model_json_schema()
        sections |= schema.get("$defs", {})
        parts.append(
            f"## {template.__name__}\n\n{_summary(parse(inspect.getdoc(template) or ''))}\n\n"
            f"`type: ml_assets.components.{template.__name__}`\n\n"
            + _attributes(template.configuration, schema)
        )
    parts.append("# Sections\n\nValues that have attributes of their own.")
    for name, schema in sorted(sections.items()):
        if "properties" in schema:
            parsed = parse(schema.get("description", ""))
            parts.append(
                f"## {name}\n\n{_summary(parsed)}\n\n" + _table(schema, _described(parsed))
            )
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _attributes(configuration: type[BaseModel], schema: Schema) -> str:
    """The table of a template; of one part of a model pipeline only its own attributes."""
    meanings = _meanings(configuration)
    if configuration is PipelineConfiguration or not issubclass(configuration, ModelConfiguration):
        return _table(schema, meanings)
    if issubclass(configuration, PipelineConfiguration):
        known = PipelineConfiguration.model_fields.keys()
        own = {name: one for name, one in schema["properties"].items() if name not in known}
        return (
            "It has the attributes of a [ModelPipeline](#modelpipeline) but `estimator`, and:\n\n"
            + _table({**schema, "properties": own}, meanings)
        )
    shared = ModelConfiguration.model_fields.keys()
    own = {name: one for name, one in schema["properties"].items() if name not in shared}
    return (
        "One part of a [ModelPipeline](#modelpipeline), used alone. It has the attributes that all "
        f"parts share ({', '.join(f'`{name}`' for name in shared)}), and:\n\n"
        + _table({**schema, "properties": own}, meanings)
    )


def _table(schema: Schema, meanings: Mapping[str, str]) -> str:
    lines = ["| attribute | value | default | meaning |", "| --- | --- | --- | --- |"]
    for name, attribute in schema["properties"].items():
        is_required = name in schema.get("required", ())
        default = "**required**" if is_required else _default(attribute)
        meaning = meanings.get(name, attribute.get("description", ""))
        cells = (f"`{name}`", type_of(attribute), default, meaning)
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines)


def type_of(schema: Schema) -> str:
    """What may be written as a value, from its JSON schema."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return (
            "hourly, daily, weekly, monthly" if name == "Cadence" else f"[{name}](#{name.lower()})"
        )
    if "anyOf" in schema:
        return " or ".join(type_of(one) for one in schema["anyOf"] if one.get("type") != "null")
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {type_of(schema['items'])}" if "items" in schema else "list"
    if "properties" in schema:
        return f"[{schema['title']}](#{schema['title'].lower()})"
    if schema.get("type") == "object":
        values = [*schema.get("patternProperties", {}).values(), schema.get("additionalProperties")]
        named = next((one for one in values if isinstance(one, Mapping)), None)
        return f"names, each with {type_of(named)}" if named else "mapping"
    if "examples" in schema:
        return "duration: " + ", ".join(f"`{example}`" for example in schema["examples"])
    return f"{schema.get('type', 'any')}{_limits(schema)}"


def _limits(schema: Schema) -> str:
    bounds = {
        "minimum": "at least",
        "exclusiveMinimum": "above",
        "maximum": "at most",
        "exclusiveMaximum": "below",
    }
    shown = [f"{word} {schema[bound]:g}" for bound, word in bounds.items() if bound in schema]
    return f", {', '.join(shown)}" if shown else ""


def _default(attribute: Schema) -> str:
    value = attribute.get("default")
    if isinstance(value, Mapping) and "text" in value:
        return f"`{value['text']}`"
    if "$ref" in attribute or value is None or value in ([], {}):
        return ""
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _meanings(configuration: type[BaseModel]) -> dict[str, str]:
    """Attribute → its meaning, also of attributes from base classes."""
    found: dict[str, str] = {}
    for base in reversed(configuration.__mro__):
        if issubclass(base, BaseModel) and base is not BaseModel:
            found |= _described(parse(inspect.cleandoc(base.__doc__ or "")))
    return found


def _described(parsed: Docstring) -> dict[str, str]:
    texts = {item.arg_name.rstrip("_"): item.description or "" for item in parsed.params}
    return {name: " ".join(text.split()).replace("``", "`") for name, text in texts.items()}


def _summary(parsed: Docstring) -> str:
    found = [parsed.short_description or "", parsed.long_description or ""]
    return " ".join(" ".join(found).split()).replace("``", "`")


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
