"""Which way does a picture move, how fast, and in which waves?"""
