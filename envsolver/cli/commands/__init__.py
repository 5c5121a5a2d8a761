"""One module per command, or per few that share their output. Each is imported when it is invoked."""
