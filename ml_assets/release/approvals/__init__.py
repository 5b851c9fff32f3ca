"""Approvals and rejections of releases."""
