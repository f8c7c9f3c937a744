"""The intermediate representation: typed, structured SSA, with the user's location on every statement."""
