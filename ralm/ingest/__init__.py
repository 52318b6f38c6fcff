"""Raw logs -> users, items, events, impressions, quarantine: mapped by configuration alone."""
