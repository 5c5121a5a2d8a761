"""What a catalogue of environments needs beside its locks: advisories, documents for people, how old things are."""
