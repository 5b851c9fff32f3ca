"""What the templates share: a template is loaded from a ``defs.yaml`` whose mistakes are named."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Generic, Self, TypeVar, cast

import dagster as dg
from pydantic import BaseModel, GetJsonSchemaHandler

from ml_assets.components.broken import Broken
from ml_assets.configuration.reading import read
from ml_assets.errors import ConfigurationError

C = TypeVar("C", bound=BaseModel)


class Configured(dg.Component, Generic[C]):
    """A template with a typed configuration.

    Args:
        config: what its ``defs.yaml`` says.
    """

    configuration: ClassVar[type[BaseModel]]
    """What a ``defs.yaml`` may say."""

    def __init__(self, config: C) -> None:
        self.config = config

    @classmethod
    def read(cls, attributes: Mapping[str, Any], file: Path) -> C:
        """What a document of a ``defs.yaml`` says.

        Raises:
            ConfigurationError: a key is missing or unknown, or a value is outside its limits.
        """
        named = attributes.get("key") or attributes.get("name") or f"a {cls.__name__}"
        return read(
            cls.configuration, dict(attributes), f"{named} in {file.parent.name}/{file.name}"
        )  # type: ignore[return-value]

    @classmethod
    def get_model_cls(cls) -> type[BaseModel]:
        """Any attributes: ``read`` validates them; editors and ``dg`` see the typed schema."""
        typed = cls.configuration

        class Attributes(BaseModel, extra="allow"):
            @classmethod
            def __get_pydantic_json_schema__(cls, core: Any, handler: GetJsonSchemaHandler) -> Any:
                del core
                return handler(typed.__pydantic_core_schema__)

        return Attributes

    @classmethod
    def load(cls, attributes: BaseModel | None, context: dg.ComponentLoadContext) -> Self:
        """Read what a ``defs.yaml`` says, with templates resolved; what cannot be used is ``Broken``."""
        written = attributes.model_dump() if attributes else {}
        try:
            resolved = context.resolution_context.resolve_value(written)
        except Exception as error:  # a template may raise anything
            return cast("Self", Broken(cls.__name__, written, str(error)))
        return cls.of(resolved, folder_of(context) / "defs.yaml")

    @classmethod
    def of(cls, attributes: Mapping[str, Any], file: Path) -> Self:
        """The template of a document, or what stands for one that cannot be used."""
        try:
            return cls(cls.read(attributes, file))
        except ConfigurationError as error:
            return cast("Self", Broken(cls.__name__, attributes, str(error)))

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """What the template defines, or an asset that says why it cannot."""
        try:
            return self.build(context)
        except ConfigurationError as error:
            broken = Broken(type(self).__name__, self.config.model_dump(), str(error))
            return broken.build_defs(context)

    def build(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """What the template defines.

        Raises:
            ConfigurationError: what its ``defs.yaml`` names cannot be used.
        """
        raise NotImplementedError


def folder_of(context: dg.ComponentLoadContext) -> Path:
    """The folder of a ``defs.yaml``."""
    return context.path.parent if context.path.is_file() else context.path
