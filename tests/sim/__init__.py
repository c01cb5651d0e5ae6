"""The simulated world: the disk that forgets."""
