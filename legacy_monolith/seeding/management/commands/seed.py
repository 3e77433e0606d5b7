from argparse import ArgumentParser

from django.core.management.base import BaseCommand, CommandError

from legacy_monolith.seeding import services
from legacy_monolith.sync.ownership import NotOwner


class Command(BaseCommand):
    help = "Fills an empty shop with sample data, the same for the same numbers. Does nothing if there is data already."

    def add_arguments(self, parser: ArgumentParser) -> None:
        size = services.Size()
        parser.add_argument("--products", type=int, default=size.products)
        parser.add_argument("--orders", type=int, default=size.orders)
        parser.add_argument("--users", type=int, default=size.users)
        parser.add_argument("--seed", type=int, default=7, help="another number gives another shop (7)")
        parser.add_argument("--no-pictures", action="store_true", help="leave the products without pictures")
        parser.add_argument("--force", action="store_true", help="delete everything first, accounts too")

    def handle(self, *args, **options) -> None:
        size = services.Size(options["products"], options["orders"], options["users"])
        if min(size.products, size.orders, size.users) < 0:
            raise CommandError("the numbers must not be negative")
        if not options["force"] and not services.is_empty():
            self.stdout.write("The shop has data already; nothing was changed. (--force starts anew.)")
            return
        try:
            if options["force"]:
                services.clear()
            services.seed(size, seed=options["seed"], with_pictures=not options["no_pictures"])
        except NotOwner as refusal:
            raise CommandError(f"Nothing was changed: {refusal}.") from None
        self.stdout.write(f"{size.products} products, {size.orders} orders, {size.users} users.")
        self.stdout.write("Logins: alice/alice-pass, bob/bob-pass, carol/carol-pass; staff: admin/admin-pass.")
