"""Which part of a clip can each element of a tensor depend on?"""
