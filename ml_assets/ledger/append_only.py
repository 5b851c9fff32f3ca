"""Append-only tables: triggers of the database refuse to change or delete a row."""

import sqlalchemy as sa


def create_append_only(connection: sa.Connection, table: sa.Table) -> None:
    """Create a table with its triggers, both or neither, unless the table exists.

    Args:
        connection: a connection to SQLite or Postgres, in a transaction.
        table: a table with an integer primary key ``id``.
    """
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN")  # its driver begins no transaction before a CREATE
    if sa.inspect(connection).has_table(table.name):
        return
    table.create(connection)
    for trigger in _triggers(table.name, connection.dialect.name):
        connection.execute(sa.text(trigger))


def _triggers(table: str, dialect: str) -> list[str]:
    """Triggers that refuse changes; SQLite's REPLACE fires no DELETE trigger, so it has its own."""
    if dialect == "sqlite":
        refuse = f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        exists = f"EXISTS (SELECT 1 FROM {table} WHERE id = NEW.id)"  # noqa: S608  our own table
        events = {
            "update": "BEFORE UPDATE ON {0}",
            "delete": "BEFORE DELETE ON {0}",
            "replace": "BEFORE INSERT ON {0} WHEN " + exists,
        }
        return [
            f"CREATE TRIGGER {table}_no_{name} {event.format(table)} {refuse}"
            for name, event in events.items()
        ]
    function = f"{table}_refuse()"
    body = f"$$ BEGIN RAISE EXCEPTION '{table} is append-only'; END $$"
    change = f"BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} FOR EACH STATEMENT"
    return [
        f"CREATE OR REPLACE FUNCTION {function} RETURNS trigger LANGUAGE plpgsql AS {body}",
        f"CREATE TRIGGER {table}_no_change {change} EXECUTE FUNCTION {function}",
    ]
