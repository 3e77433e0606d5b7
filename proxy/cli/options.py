"""Options that several commands share, so that they mean the same everywhere."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

DEFAULT_CONFIG = "routes.yaml"
CONFIG_VARIABLE = "STRANGLER_CONFIG"

F = TypeVar("F", bound=Callable[..., Any])


def config_option(command: F) -> F:
    """--config/-c: the routes.yaml to use, passed as `config: str`. Whether it can be read, loading it tells."""
    option = click.option(
        "-c",
        "--config",
        metavar="FILE",
        envvar=CONFIG_VARIABLE,
        default=DEFAULT_CONFIG,
        show_default=True,
        show_envvar=True,
        help="The routes.yaml to use.",
    )
    return option(command)
