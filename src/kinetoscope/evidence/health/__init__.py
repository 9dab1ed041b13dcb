"""Which units say nothing, which say the same, and what do the first ones look for?"""
