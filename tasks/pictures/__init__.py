"""Pictures that several kinds of pages share: weights stacked over time.

They promise SVG that is complete without the script, and must not know what they are drawn for. Start at
`stacked_areas`.
"""
