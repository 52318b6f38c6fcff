"""What `status` says of a warehouse: gathered without Spark, and printed at 80 columns."""
