"""What a person does or asks by hand: status, halt, explain, adopt, promote, import.

Start with `status`.
"""
