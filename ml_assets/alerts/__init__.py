"""Alerts: what is found wrong, its cause, the state of each alert, and where it is delivered."""
