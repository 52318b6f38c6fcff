"""What a list of seeds and its audience are made of: measured on arrays, without Spark."""
