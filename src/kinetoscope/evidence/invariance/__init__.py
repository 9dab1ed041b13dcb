"""Which changes of a clip does a network not care about?"""
