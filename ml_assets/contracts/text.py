"""Rules for text from a source, applied before a contract's own checks.

Invisible differences would become new categories: 'UA' and 'UA ' are the same code, but two
categories of a model. Blanks at the ends are trimmed, since fixed-width columns have them; other
invisible characters are refused.
"""

import unicodedata

import pandas as pd

BLANKS = "".join(chr(code) for code in range(0x3001) if unicodedata.category(chr(code)) == "Zs")
"""Characters that are trimmed: the space and other blanks of a width, no tab and no line end."""

INVISIBLE = {"Cc", "Cf", "Cs", "Zl", "Zp"}
"""Unicode categories that are refused: control, format, surrogates, line and paragraph separators."""

CONTROL = "must not contain control or format characters"


def normalized_text(values: pd.Series, max_length: int) -> tuple[pd.Series, dict[str, pd.Series]]:
    """Trim texts, and find those that break a rule.

    Args:
        values: (n,) texts or nulls.
        max_length: maximum number of characters.

    Returns:
        (n,) trimmed texts, null if empty, and rule → (n,) mask of texts that break it.
    """
    distinct = [text for text in values.unique().tolist() if isinstance(text, str)]
    found = {text: normalized_value(text, max_length) for text in distinct}
    rules = sorted({rule for _, broken in found.values() for rule in broken})
    masks = {
        rule: values.isin([text for text, (_, broken) in found.items() if rule in broken])
        for rule in rules
    }
    changed = {text: short for text, (short, _) in found.items() if short != text}
    if not changed:
        return values, masks
    of_value = values.map(lambda text: changed.get(text, text), na_action="ignore")
    return of_value.astype("str"), masks


def normalized_value(text: str, max_length: int) -> tuple[str | None, list[str]]:
    """A trimmed text, None if it is empty, and the rules that it breaks.

    Args:
        text: any text.
        max_length: maximum number of characters.
    """
    trimmed = text.strip(BLANKS)
    broken = [] if _is_visible(trimmed) else [CONTROL]
    if len(trimmed) > max_length:
        broken.append(f"must have at most {max_length} characters")
    return trimmed or None, broken


def _is_visible(text: str) -> bool:
    if text.isprintable():
        return True
    return not any(unicodedata.category(character) in INVISIBLE for character in text)
