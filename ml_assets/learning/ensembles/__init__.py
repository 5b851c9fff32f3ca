"""Ensembles: members that answer, how their answers are combined, and business rules on the result."""
