"""Programs that run under an environment's own interpreter, whose Python may be as old as 3.7."""
