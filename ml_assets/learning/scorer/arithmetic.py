"""Sums and links whose result for a row does not depend on the other rows, in its last bit either.

Products of matrices and numpy's own sums are computed in another order for one row than for many.
"""

import numpy as np


def in_order(terms: np.ndarray) -> np.ndarray:
    """(n, …) sums over the second axis of (n, m, …), from the first term to the last."""
    return np.ascontiguousarray(np.cumsum(terms, axis=1)[:, -1])


def softmax(raw: np.ndarray) -> np.ndarray:
    """(n, k) probabilities of (n, k) raw scores."""
    return normalized(np.exp(raw - raw.max(axis=1, keepdims=True)))


def normalized(shares: np.ndarray) -> np.ndarray:
    """(n, k) with rows that sum up to one."""
    return shares / in_order(shares)[:, np.newaxis]
