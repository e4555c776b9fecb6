"""Programs of the spiking brain, found by search; `search.fit` is the story."""
