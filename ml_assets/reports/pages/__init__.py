"""Pages that show a pipeline to people: one HTML file for each, without a network, and an index.

``loading`` reads what is stored once, ``state`` holds it as plain values; ``page`` renders these.
"""
