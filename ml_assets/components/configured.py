"""Base class of the templates: loads a validated configuration from ``defs.yaml``."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Generic, Self, TypeVar, cast

import dagster as dg
from pydantic import BaseModel, GetJsonSchemaHandler

from ml_assets.components.broken import Broken, last_cause
from ml_assets.configuration.documents import conflict_of
from ml_assets.configuration.file_defaults import read_document, with_defaults
from ml_assets.configuration.files.yaml_files import has_templates, with_variables
from ml_assets.errors import ConfigurationError, sentence

C = TypeVar("C", bound=BaseModel)


class Configured(dg.Component, Generic[C]):
    """A template with a typed configuration.

    Args:
        config: validated attributes of its ``defs.yaml``.
    """

    configuration: ClassVar[type[BaseModel]]
    """Schema of the attributes in ``defs.yaml``."""

    def __init__(self, config: C) -> None:
        self.config = config

    @classmethod
    def completed(cls, attributes: Mapping[str, Any], file: Path) -> dict[str, Any]:
        """Attributes of a document, with those that its file has once for all documents.

        Raises:
            ConfigurationError: the ``Defaults`` of the file are not usable.
        """
        return with_defaults(cls.__name__, attributes, file)

    @classmethod
    def read(cls, attributes: Mapping[str, Any], file: Path) -> C:
        """Validate the attributes of a document in ``defs.yaml``.

        Raises:
            ConfigurationError: a key is missing or unknown, or a value is outside its limits.
        """
        return cast("C", read_document(cls.configuration, cls.__name__, attributes, file))

    @classmethod
    @cache
    def get_model_cls(cls) -> type[BaseModel]:
        """A model that accepts any attributes, which ``read`` validates, with the typed JSON schema."""
        typed = cls.configuration

        class Attributes(BaseModel, extra="allow"):
            @classmethod
            def __get_pydantic_json_schema__(cls, core: Any, handler: GetJsonSchemaHandler) -> Any:
                del core
                return handler(typed.__pydantic_core_schema__)

        return Attributes

    @classmethod
    def load(cls, attributes: BaseModel | None, context: dg.ComponentLoadContext) -> Self:
        """Load a ``defs.yaml``, with templates resolved; an invalid one becomes ``Broken``.

        Dagster compiles every text as a template, so it is asked only where there is one, and only
        after a sandbox did not refuse it.
        """
        unresolved = attributes.model_dump() if attributes else {}
        file, number = folder_of(context) / "defs.yaml", context.component_path.instance_key
        if not has_templates(unresolved):
            return cls.of(unresolved, file, number)
        try:
            with_variables(unresolved, file, has_all=True)
            resolved = context.resolution_context.resolve_value(unresolved)
        except ConfigurationError as error:
            return cls.broken(unresolved, file, str(error), number)
        except Exception as error:  # a template may raise anything
            why = str(last_cause(error)).strip().rpartition("\n")[2]
            problem = (
                f"{file.parent.name}/{file.name} is not usable: a template cannot be resolved: {sentence(why)} "
                "Expected an environment variable such as '{{ env.NAME }}'."
            )
            return cls.broken(unresolved, file, problem, number)
        return cls.of(resolved, file, number)

    @classmethod
    def of(cls, attributes: Mapping[str, Any], file: Path, number: int | str | None = None) -> Self:
        """The template of a document, or ``Broken`` if the document is invalid.

        Args:
            attributes: its attributes.
            file: its file.
            number: its number in the file, which names it where nothing else does.
        """
        try:
            attributes = cls.completed(attributes, file)
            if conflict := conflict_of(cls.__name__, attributes, file, number):
                problem, has_name = conflict
                return cls.broken(attributes if has_name else {}, file, problem, number)
            return cls(cls.read(attributes, file))
        except ConfigurationError as error:
            return cls.broken(attributes, file, str(error), number)

    @classmethod
    def broken(
        cls, attributes: Mapping[str, Any], file: Path, problem: str, number: int | str | None
    ) -> Self:
        """An asset that fails with the problem, in place of the template of an invalid document."""
        if not any(attributes.get(key) for key in ("key", "pipeline", "name")):
            place = file.parent.name if number is None else f"{file.parent.name}_{number}"
            attributes = {**attributes, "name": place}
        return cast("Self", Broken(cls.__name__, attributes, problem))

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """The template's definitions, or a ``Broken`` asset if they cannot be built."""
        try:
            return self.build(context)
        except ConfigurationError as error:
            place = f"{folder_of(context).name}/defs.yaml"
            problem = str(error) if place in str(error) else f"{place}: {error}"
            broken = Broken(type(self).__name__, self.config.model_dump(), problem)
            return broken.build_defs(context)

    def build(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """Build the template's definitions.

        Raises:
            ConfigurationError: a name in its ``defs.yaml`` cannot be used.
        """
        raise NotImplementedError


def folder_of(context: dg.ComponentLoadContext) -> Path:
    """The folder of a ``defs.yaml``."""
    return context.path.parent if context.path.is_file() else context.path
