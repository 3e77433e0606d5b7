"""`python -m extracted_services.inventory`: serves, or fills the database from the monolith."""

from extracted_services.inventory.entrypoints.cli import main

if __name__ == "__main__":
    main()
