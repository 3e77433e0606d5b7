"""Tests of the chassis by itself; what it promises to clients is shown in tests/contract."""
