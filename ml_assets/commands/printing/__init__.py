"""Console output of the commands: one module for each kind of result."""
