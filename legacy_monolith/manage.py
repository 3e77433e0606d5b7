#!/usr/bin/env python
"""Django's command line for the shop: `python legacy_monolith/manage.py <command>`."""

import os
import sys
from pathlib import Path


def main() -> None:
    # The repository root replaces this folder on the path: otherwise `config` or `api` would be importable twice.
    sys.path[0] = str(Path(__file__).resolve().parent.parent)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "legacy_monolith.config.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    try:
        execute_from_command_line(sys.argv)
    except (ImproperlyConfigured, OSError) as error:
        sys.exit(f"manage.py: {error}")


if __name__ == "__main__":
    main()
