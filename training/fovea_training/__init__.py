"""Makes Fovea's model packages: from public data to a folder under models/. Never needed at run time."""
