"""What Alembic runs for every service: the missing steps, on the connection and in the transaction it is given.

It is never started by Alembic's own command line: `chassis.schema` opens the database.
"""

from alembic import context

given = context.config.attributes
context.configure(connection=given["connection"], target_metadata=given["metadata"])
with context.begin_transaction():
    context.run_migrations()
