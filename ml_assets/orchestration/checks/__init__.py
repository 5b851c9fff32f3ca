"""Asset checks: definitions, runner, and remedies for failed checks."""
