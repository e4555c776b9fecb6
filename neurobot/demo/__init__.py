"""The demo: a robot and its brain to watch and to meddle with, live, headless or replayed."""
