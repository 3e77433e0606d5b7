"""The shop as it has always been: one Django project, one database, everything in one process."""
