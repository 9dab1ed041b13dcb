"""Networks of somebody else."""
