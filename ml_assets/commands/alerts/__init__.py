"""Commands about alerts, and about the routes that are told of them."""
