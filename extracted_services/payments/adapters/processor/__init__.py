"""The card processor: a fake outside party with a ledger of its own, and the unreliable line to it."""
