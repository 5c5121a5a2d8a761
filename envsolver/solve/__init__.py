"""The solver: candidates become records, records a resolution. Pure but for what it asks of a CandidateSource."""
