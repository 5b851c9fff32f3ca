"""Contracts of what services answered, derived from those of predictions."""

from collections.abc import Sequence

from ml_assets.contracts.contract import Contract, described, key_columns, limits
from ml_assets.contracts.derived import column_from, derived_contract


def logged_contract(
    base: type[Contract],
    predictions: type[Contract],
    names: Sequence[str],
    predicted: Sequence[str],
    *,
    of_ensemble: Sequence[str] = (),
) -> type[Contract]:
    """The contract of logged predictions: one row for each event, with the columns of predictions.

    Args:
        base: contract with the columns of every logged prediction.
        predictions: contract of the predictions.
        names: key and segments.
        predicted: columns of the prediction.
        of_ensemble: columns that tell how an ensemble came to it; a row that it refused has none.
    """
    fields = {name: column_from(predictions, name, ["{log}.request"]) for name in names}
    for name in predicted:
        sources = ["{log}.prediction"]
        fields[name] = column_from(predictions, name, sources, may_be_missing=bool(of_ensemble))
    fields |= {name: column_from(predictions, name, ["{log}.ensemble"]) for name in of_ensemble}
    return derived_contract(
        "LoggedPredictions",
        "What a service answered, one row for each event of the prediction log.",
        (base,),
        fields,
        (base, predictions),
        unique=["event_id"],
        may_be_empty=True,
        max_dead_letter_share=0.05,
    )


def may_be_empty(contract: type[Contract]) -> type[Contract]:
    """The contract, by which a partition without rows is stored."""
    of_contract = limits(contract)
    return derived_contract(
        contract.__name__,
        described(contract),
        (contract,),
        {},
        (contract,),
        unique=key_columns(contract),
        day=of_contract.day,
        may_be_empty=True,
        max_dead_letter_share=of_contract.max_dead_letter_share,
    )
