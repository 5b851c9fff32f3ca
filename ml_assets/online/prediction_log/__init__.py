"""The prediction log: every prediction that a service answered, on SQLite or Postgres."""
