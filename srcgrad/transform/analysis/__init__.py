"""Read-only questions about IR: what shares memory, what depends on what, what is still there."""
