"""Teaching a network to steer: it imitates a planner that sees everything."""
