"""What the monolith offers, what is asked of it, and which route claims it: pure, but for `urlconf` and its script."""
