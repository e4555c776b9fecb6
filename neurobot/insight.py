"""A streaming machine of silicon synapses: one input sample per clock, exact integers, counted."""
