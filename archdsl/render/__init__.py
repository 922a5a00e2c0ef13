"""Results as a reader or another program wants them; pure functions from plain data to text."""
