"""The shop's own side-by-side suite: the monolith on one side, the services that were taken out of it on the other."""
