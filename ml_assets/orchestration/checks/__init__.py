"""Asset checks: their definitions, running them alone, and what repairs a bad result."""
