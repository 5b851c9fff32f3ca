"""The state of the project in one report: loaded in ``loading``, decided in ``report``."""
