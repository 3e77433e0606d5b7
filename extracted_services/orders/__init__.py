"""The orders service: a customer's orders, and the saga that fulfils each of them across stock and payments."""
