"""`python -m proxy`: the same as `strangler`, wherever that is not on the path."""

from proxy.cli.main import main

main(prog_name="strangler")
