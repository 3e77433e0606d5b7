"""Tests of the inventory service by itself; that it answers as the monolith does is shown in tests/contract."""
