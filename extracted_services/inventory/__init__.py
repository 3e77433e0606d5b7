"""The inventory service: products and stock, read with the same public contract as the monolith's."""
