"""Commands on bars and universes."""
