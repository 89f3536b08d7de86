"""Operations by hand: status, halt, adopt, promote, import.

Start with `status`.
"""
