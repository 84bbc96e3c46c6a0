"""Performance as ratios, each measured in one run; docs/performance.md holds the tables."""
