"""What an order is, and what may become of it: values and pure functions."""
