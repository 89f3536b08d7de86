"""Commands on the installation: init, up, watch."""
