"""Reading the YAML files under ``defs/``: their documents, and the lines of their values."""
