"""Every error this project raises on purpose, and whether trying again can help.

    MLAssetsError
    ├── TransientError             the same call may succeed later: retried with growing waits
    │   ├── SourceUnavailable      the source system does not answer
    │   ├── LedgerUnavailable      the ledger's database does not answer
    │   ├── RegistryUnavailable    the model registry's database does not answer
    │   └── CommitConflict         another writer kept winning the same table
    └── TerminalError              repeating changes nothing: a person or new data has to act
        ├── ConfigurationError     a setting, a YAML attribute or a command-line value is wrong
        ├── SourceMissing          the source database or table is not there
        ├── SourceCorrupt          the source database cannot be read
        ├── ContractViolation      the data as a whole is not what its contract says
        ├── LakeMismatch           stored rows are not what the ledger recorded
        ├── RegistryMismatch       the model registry has no such version, or is not usable
        ├── TrainingError          the training data cannot give a model
        └── UnsafeModel            a model file holds types outside the allow-list, or was altered

A message says what happened, what was expected and what to do next. Nothing here imports
anything: every other module may import this one.
"""


class MLAssetsError(Exception):
    """Base of all errors raised on purpose."""


class TransientError(MLAssetsError):
    """The same call may succeed later."""


class SourceUnavailable(TransientError):
    """The source system does not answer."""


class LedgerUnavailable(TransientError):
    """The ledger's database does not answer."""


class RegistryUnavailable(TransientError):
    """The model registry's database does not answer."""


class CommitConflict(TransientError):
    """Another writer kept winning the same table."""


class TerminalError(MLAssetsError):
    """Repeating the call changes nothing."""


class ConfigurationError(TerminalError):
    """A setting, a YAML attribute or a command-line value is wrong."""


class SourceMissing(TerminalError):
    """The source database or one of its tables is not there."""


class SourceCorrupt(TerminalError):
    """The source database cannot be read."""


class ContractViolation(TerminalError):
    """The data as a whole is not what its contract says."""


class LakeMismatch(TerminalError):
    """Stored rows are not what the ledger recorded."""


class RegistryMismatch(TerminalError):
    """The model registry has no such version, or its database is not usable."""


class TrainingError(TerminalError):
    """The training data cannot give a model."""


class UnsafeModel(TerminalError):
    """A model file holds types outside the allow-list, or was altered."""
