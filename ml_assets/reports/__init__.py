"""What people read: model cards and plots."""
