"""The local engine: Polars tables in, the kernel's arrays through, Polars tables out; one machine, no server."""
