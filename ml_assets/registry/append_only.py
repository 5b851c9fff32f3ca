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
        return [
            f"CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table} {refuse}",
            f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} {refuse}",
            f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} "
            f"WHEN EXISTS (SELECT 1 FROM {table} WHERE id = NEW.id) {refuse}",  # noqa: S608  our own table
        ]
    return [
        f"CREATE OR REPLACE FUNCTION {table}_refuse() RETURNS trigger LANGUAGE plpgsql "
        f"AS $$ BEGIN RAISE EXCEPTION '{table} is append-only'; END $$",
        f"CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE OR TRUNCATE "
        f"ON {table} FOR EACH STATEMENT EXECUTE FUNCTION {table}_refuse()",
    ]
