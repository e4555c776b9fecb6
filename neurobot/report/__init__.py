"""A run folder as one page that needs nothing else: `neurobot report`."""
