"""The public kit beside the floors: scenarios, the contract of engines, strategies, a fake clock."""
