"""Commands about what something was made from: trace, impact, columns, and making a model again."""
