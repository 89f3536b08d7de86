"""Commands on the installation, one a module: set it up, keep it running, check it."""
