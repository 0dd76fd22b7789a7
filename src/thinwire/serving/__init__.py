"""From edge to server for real: chunks of coded audio over a connection, and a task's answers back."""
