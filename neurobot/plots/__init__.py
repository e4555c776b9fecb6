"""Pictures: paths through worlds, a decision of the spiking brain, costs of decisions.

`trajectories`, `raster` and `costs` collect what the `draw_...` modules of the same names draw;
only `figures` needs matplotlib. Every picture shows episodes that `neurobot evaluate` runs too.
"""
