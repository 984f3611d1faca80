"""Which pipeline a team needs, measured from its own history."""
