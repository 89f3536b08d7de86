"""The fake exchange's USD-M futures venue: orders, positions, margin and funding. Start with `venue`."""
