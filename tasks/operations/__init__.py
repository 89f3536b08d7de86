"""Operations by hand: status, halt, the record of an order, adopt, promote, import.

Start with `status`.
"""
