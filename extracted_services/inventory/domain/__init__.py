"""What the service knows about products, stock and pages: values and rules, no input or output."""
