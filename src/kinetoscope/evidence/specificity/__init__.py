"""Is a unit specific to a class, or general, and what does the network lose without it?"""
