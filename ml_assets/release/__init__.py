"""Whether a model may serve: evidence, gates, decision, approvals, champion, audit."""
