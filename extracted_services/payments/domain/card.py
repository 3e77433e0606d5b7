"""The processor's token for a card, which stands for the number everywhere in the shop."""

import re

REFERENCE_FORM = re.compile(r"tok_[0-9a-f]{32}_(1[2-9])_[0-9]{4}", re.ASCII)
"""`tok_<random>_<length of the number>_<its last four digits>`: no number can be made of it."""


def last_digits(reference: str) -> str:
    return reference[-4:]
