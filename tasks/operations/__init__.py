"""Operations by hand: status, halt, explain, adopt, promote, import.

Start with `status`.
"""
