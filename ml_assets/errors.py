"""Every error that this project raises, and whether a retry can succeed.

    MLAssetsError
    ├── TransientError             the same call may succeed later: retried with growing waits
    │   ├── SourceUnavailable      the source system does not answer
    │   ├── LedgerUnavailable      the ledger's database does not answer
    │   ├── RegistryUnavailable    the model registry's database does not answer
    │   ├── OnlineStoreUnavailable the online store's database does not answer
    │   ├── PredictionLogUnavailable the prediction log's database does not answer
    │   ├── LogBusy                too many predictions wait to be logged
    │   ├── EvaluationOvertaken    an evaluation of alerts that began later was stored first
    │   └── CommitConflict         other writers of the same table committed first
    └── TerminalError              a retry fails again: a user or new data has to solve it
        ├── ConfigurationError     a setting, a YAML attribute or a command-line value is wrong
        ├── SourceMissing          the database, table or files of a source do not exist
        ├── SourceCorrupt          a database or file of a source cannot be read
        ├── ContractViolation      the data as a whole breaks its contract
        ├── LakeMismatch           stored rows differ from those that the ledger recorded
        ├── RegistryMismatch       the model registry has no such version, or is not usable
        ├── TrainingError          no model can be trained on the training data
        └── UnsafeModel            a model file has types outside the allow-list, or was altered

A message consists of what happened, what was expected and what to do next. This module imports
nothing, so that every other module can import it.
"""


def sentence(text: object) -> str:
    """A text, such as that of another error, as a sentence that others may follow.

    Args:
        text: with or without a full stop at its end.
    """
    found = str(text).rstrip(" .")
    return found if found.endswith("?") else f"{found}."


class MLAssetsError(Exception):
    """Base of all errors of this project."""


class TransientError(MLAssetsError):
    """The same call may succeed later."""


class SourceUnavailable(TransientError):
    """The source system does not answer."""


class LedgerUnavailable(TransientError):
    """The ledger's database does not answer."""


class RegistryUnavailable(TransientError):
    """The model registry's database does not answer."""


class OnlineStoreUnavailable(TransientError):
    """The online store's database does not answer."""


class PredictionLogUnavailable(TransientError):
    """The prediction log's database does not answer."""


class LogBusy(TransientError):
    """Too many predictions wait to be logged."""


class EvaluationOvertaken(TransientError):
    """An evaluation of alerts that began later was stored first."""


class CommitConflict(TransientError):
    """Other writers of the same table committed first at every attempt."""


class TerminalError(MLAssetsError):
    """The same call fails again."""


class ConfigurationError(TerminalError):
    """A setting, a YAML attribute or a command-line value is wrong."""


class SourceMissing(TerminalError):
    """The database, a table or the files of a source do not exist."""


class SourceCorrupt(TerminalError):
    """A database or a file of a source cannot be read."""


class ContractViolation(TerminalError):
    """The data as a whole breaks its contract."""


class LakeMismatch(TerminalError):
    """Stored rows differ from those that the ledger recorded."""


class RegistryMismatch(TerminalError):
    """The model registry has no such version, or its database is not usable."""


class TrainingError(TerminalError):
    """No model can be trained on the training data."""


class UnsafeModel(TerminalError):
    """A model file has types outside the allow-list, or was altered."""


class ScorerMismatch(TerminalError):
    """A scorer predicts other numbers than the model that it was built from."""
