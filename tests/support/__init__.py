"""What several test modules share: packages made in memory, and a package index on loopback."""
