"""Commands on bars and universes, one a module."""
