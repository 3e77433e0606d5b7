"""Steps, in the order in which their `down_revision` chains them."""
