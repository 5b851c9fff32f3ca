"""Reading skops files with an allow-list of types; every fitted object is loaded here."""

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
"""Types that a model file may contain besides those that skops trusts.

A partial is safe, as the function that it wraps has to be on the list too.
"""

MATERIALIZE = "Delete its folder and materialize the model again."


def read_allowed(what: str, content: bytes) -> Any:
    """The object in a skops file, if all its types are allowed.

    Args:
        what: name of the file in messages.
        content: bytes of the file.

    Raises:
        UnsafeModel: it contains a type outside the allow-list, or cannot be read.
    """
    import skops.io

    try:
        forbidden = set(skops.io.get_untrusted_types(data=content)) - ALLOWED_TYPES
        if not forbidden:
            return skops.io.loads(content, trusted=sorted(ALLOWED_TYPES))
    except Exception as error:  # a malicious file can raise anything
        raise UnsafeModel(
            f"{what} cannot be read ({type(error).__name__}: {error}). {MATERIALIZE}"
        ) from error
    raise UnsafeModel(
        f"{what} contains types outside the allow-list: {', '.join(sorted(forbidden))}. It was not "
        f"loaded. {MATERIALIZE}"
    )
