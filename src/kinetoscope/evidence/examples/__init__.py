"""Which real clips show best what a unit answers to, and what in them is it?"""
