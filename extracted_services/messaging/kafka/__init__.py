"""The bus on any Kafka-compatible broker, through aiokafka.

connection     reaching it: addresses, time-outs, aiokafka's errors → BusUnavailable
topics         names, and topics made when they are missing
records        messages and dead letters as records, and back       (pure)
publisher      batches per partition, idempotent where the broker can
subscription   one consumer of a group: assignment, workers, commits
inspection     lag, dead letters, replay
bus            the port, on top of these
"""
