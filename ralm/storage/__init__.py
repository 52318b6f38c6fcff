"""Files beside the tables, on whatever file system holds the warehouse."""
