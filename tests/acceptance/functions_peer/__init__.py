"""The functions beside those of npm `@truto/truto-jsonata` 3.0.6: generated cases, run on both."""
