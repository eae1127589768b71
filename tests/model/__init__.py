"""The system against a model of it: `rules` says what each may answer, `station` asks the system."""
