"""Projects that `dayshift init` and `dayshift demo` copy, and the data that they begin with."""
