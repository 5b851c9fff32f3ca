"""What documents say of requests: the online store, the section ``serving``, and where features come from."""
