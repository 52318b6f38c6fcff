"""The report of one audience: its seeds, its sizes, who its users are, and its overlaps."""
