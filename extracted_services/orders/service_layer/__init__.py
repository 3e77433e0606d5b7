"""What the service does: one function a use case, on ports."""
