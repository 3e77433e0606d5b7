"""The database and the monolith's API, behind the ports of the service layer."""
