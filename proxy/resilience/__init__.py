"""What keeps a failing upstream from becoming its callers' failure: the mechanisms alone, as values and small machines.

Time and chance are arguments: `now` is monotonic seconds, a draw is uniform in [0, 1). Nothing here reads a clock,
opens a socket, logs, or knows the configuration, so that the data path and the services use the same code.
"""
