"""`python -m extracted_services.orders`: serves, or brings the database up to date."""

from extracted_services.orders.entrypoints.cli import main

if __name__ == "__main__":
    main()
