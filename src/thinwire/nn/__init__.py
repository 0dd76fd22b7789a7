"""Networks and layers that systems share."""
