"""Sagas: a story over several services, told as steps and what undoes them. Knows nothing of orders."""
