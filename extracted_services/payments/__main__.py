"""`python -m extracted_services.payments`: serves, migrates, or compares the books."""

from extracted_services.payments.entrypoints.cli import main

if __name__ == "__main__":
    main()
