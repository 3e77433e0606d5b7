"""The command line: the commands all services have."""

from extracted_services.chassis.command import build_command
from extracted_services.orders.bootstrap import migrate_database, serve_forever
from extracted_services.orders.settings import VARIABLES, read_settings

main = build_command(
    "orders",
    "The orders service: a customer's orders, fulfilled across stock and payments.",
    VARIABLES,
    read_settings,
    serve_forever,
    migrate_database,
)
