"""What keeps a service's data in step with the monolith's: ownership, outbox, inbox, and the endpoints to move writes.

The service brings its tables' side of it (`inbox.Applier`); everything else is here, on the service's own database.
"""
