"""What are stimuli held against: the clips of a catalog, or clips that are made?"""
