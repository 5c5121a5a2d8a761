"""What packages do not declare, as data with sources. Pure."""
