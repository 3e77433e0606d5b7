"""HTTP as the shop's contract wants it: problems, lists, bodies, tokens, idempotency, probes. Starlette lives here."""
