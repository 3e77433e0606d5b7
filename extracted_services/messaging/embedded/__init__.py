"""The bus for one machine: a partitioned log in one SQLite file, shared by any number of processes.

file      opening it: schema, WAL, one connection and thread per lane, errors → BusUnavailable
log       appending, reading, trimming                               (plain functions on a connection)
groups    members, claims on partitions, positions, lag, replay      (likewise)
dead      dead letters                                               (likewise)
shares    which member handles which partition                       (pure)
bus, subscription   the port, on top of these
"""
