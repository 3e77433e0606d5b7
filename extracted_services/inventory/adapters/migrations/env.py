"""What Alembic runs: the steps that are missing, on the connection and in the transaction it is given.

It is never started by Alembic's own command line: `adapters.schema` opens the database.
"""

from alembic import context

from extracted_services.inventory.adapters.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
