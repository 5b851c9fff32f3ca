"""What a table promises, and telling the rows that keep the promise from those that do not."""
