"""The database, the card processor and the monolith's side of the data, behind the ports of the service layer."""
