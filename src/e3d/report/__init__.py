"""``e3d report``: what a model says of bonds, on one page that opens in any browser."""
