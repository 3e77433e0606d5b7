"""What the service does, one function a use case, and the ports it needs for that."""
