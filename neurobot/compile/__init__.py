"""The passes of the compiler: each a pure function from a network to one of the same form."""
