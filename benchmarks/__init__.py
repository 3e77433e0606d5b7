"""Side-by-side benchmark of reverse proxies: `python -m benchmarks`, or `make bench`.

Every peer does the same work on the same core against the same upstream, in interleaved rounds. What is compared is
CPU per request, because on a small machine the load generator caps requests per second before a fast proxy does.
It must never become a test that fails on a slow machine: goals are reported, not asserted.
"""
