"""One random stream of operations to two servers at once, whose answers and events must be equal."""
