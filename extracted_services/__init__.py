"""Services taken out of the shop's monolith, each its own process with its own database."""
