"""The payments service by itself; beside the monolith it is tested in tests/contract."""
