"""The online store: the newest features of each entity, as a service looks them up."""
