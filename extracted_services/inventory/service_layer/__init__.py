"""What the service does, told in terms of ports; knows neither HTTP nor SQL."""
