"""The payments service: cards charged and refunded through an outside processor, each exactly once."""
