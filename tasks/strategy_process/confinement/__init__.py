"""What compiled code may do in the process of a strategy's file, which Python's audit events do not show.

Linux confines the process itself (`landlock`, with the places of `readable`); elsewhere the file's own words for such
readers are refused (`native_readers`). Start with `readable`.
"""
