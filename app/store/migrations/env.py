"""What alembic runs: migrations over the connection that `app.store.migrate` hands in, inside its transaction."""

from alembic import context

from app.store.tables import TableRow

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=TableRow.metadata,
    render_as_batch=True,  # SQLite changes a table by copying it
    compare_type=True,
)
context.run_migrations()
