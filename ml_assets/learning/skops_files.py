"""Reading skops files through our own allow-list: the one door for everything that is fitted."""

from typing import Any

from ml_assets.errors import UnsafeModel

ALLOWED_TYPES = frozenset(
    {
        "functools.partial",
        "sklearn.tree._tree.Tree",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
        "sklearn.utils.validation.check_array",
    }
)
"""Types beyond skops' own trusted ones that a model file may hold.

A partial is harmless here: the function it wraps has to be on the list as well.
"""

MATERIALIZE = "Delete its folder and materialize the model again."


def read_allowed(what: str, content: bytes) -> Any:
    """What a skops file holds, if every type in it is allowed.

    Args:
        what: what it is, as an error names it.
        content: bytes of the file.

    Raises:
        UnsafeModel: it holds a type outside the allow-list, or cannot be read.
    """
    import skops.io

    try:
        strangers = set(skops.io.get_untrusted_types(data=content)) - ALLOWED_TYPES
        if not strangers:
            return skops.io.loads(content, trusted=sorted(ALLOWED_TYPES))
    except Exception as error:  # a hostile file can make its reader raise anything
        raise UnsafeModel(
            f"{what} cannot be read ({type(error).__name__}: {error}). {MATERIALIZE}"
        ) from error
    raise UnsafeModel(
        f"{what} holds types outside the allow-list: {', '.join(sorted(strangers))}. It was not "
        f"loaded. {MATERIALIZE}"
    )
