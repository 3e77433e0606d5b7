"""Whether two answers to one request say the same, and if not, where.

`compile_rules` and `compare` are the engine; `noise` and `verdict` judge a route by what many comparisons found. All of
that is pure: no network, no file, no clock. The modules that read or write say so in their first lines.
"""
