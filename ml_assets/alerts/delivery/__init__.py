"""Delivery of alerts: routes, notifications, the outbox that keeps them until they are delivered, and Apprise."""
