"""The pure floor: arrays and frozen values in, values out."""
