"""The world as a picture: plain values in, pixels out.

World points are (x, y) in metres with y up; screen points are in pixels with y down. pygame is
loaded by `canvas` and by what builds on it (`world`, `painter`); `frame`, `theme`, `view` and
`shapes` do without.
"""
