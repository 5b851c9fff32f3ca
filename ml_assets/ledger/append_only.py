"""Tables that can only grow: the database itself refuses to change or delete a row."""

import sqlalchemy as sa


def create_append_only(connection: sa.Connection, table: sa.Table) -> None:
    """Create a table with its guards, both or neither; do nothing when it is there.

    Args:
        connection: to SQLite or Postgres, in a transaction.
        table: has an integer primary key ``id``.
    """
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN")  # its driver begins no transaction before a CREATE
    if sa.inspect(connection).has_table(table.name):
        return
    table.create(connection)
    for guard in _guards(table.name, connection.dialect.name):
        connection.execute(sa.text(guard))


def _guards(table: str, dialect: str) -> list[str]:
    """Triggers that refuse changes; REPLACE in SQLite is no DELETE to a trigger, so it has its own."""
    if dialect == "sqlite":
        refuse = f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        is_there = f"EXISTS (SELECT 1 FROM {table} WHERE id = NEW.id)"  # noqa: S608  our own table
        events = {
            "update": "BEFORE UPDATE ON {0}",
            "delete": "BEFORE DELETE ON {0}",
            "replace": "BEFORE INSERT ON {0} WHEN " + is_there,
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
