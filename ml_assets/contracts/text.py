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
    trimmed = {text: text.strip(BLANKS) for text in distinct}
    broken = {
        CONTROL: [text for text in distinct if not _is_visible(trimmed[text])],
        f"must have at most {max_length} characters": [
            text for text in distinct if len(trimmed[text]) > max_length
        ],
    }
    masks = {rule: values.isin(texts) for rule, texts in broken.items() if texts}
    changed = {text: short or None for text, short in trimmed.items() if short != text or not text}
    if not changed:
        return values, masks
    of_value = values.map(lambda text: changed.get(text, text), na_action="ignore")
    return of_value.astype("str"), masks


def _is_visible(text: str) -> bool:
    if text.isprintable():
        return True
    return not any(unicodedata.category(character) in INVISIBLE for character in text)
