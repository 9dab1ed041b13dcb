"""Motion, appearance, or both: what do units answer to?"""
