"""Seeds, run records, checkpoints, progress; the only importer of wandb."""
