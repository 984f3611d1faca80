"""The parts of `dayshift verify`: what was served beside what the log says, bit by bit."""
