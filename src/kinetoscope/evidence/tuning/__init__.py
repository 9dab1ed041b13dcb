"""Which way, how fast, how fine, how large: what motion are units tuned to?"""
