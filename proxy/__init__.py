"""A reverse proxy that moves a monolith's routes to new services, one route at a time, and back."""

__version__ = "0.1.0"
