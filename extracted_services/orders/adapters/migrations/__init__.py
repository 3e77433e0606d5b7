"""The history of the database's shape, one module for each step."""
