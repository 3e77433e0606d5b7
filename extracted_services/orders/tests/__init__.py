"""The orders service by itself, on SQLite and on PostgreSQL."""
