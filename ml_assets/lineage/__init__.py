"""Data and model lineage from stored records: origins, impact, repair and reproduction."""
