"""How is a stimulus written down: which numbers are moved so that a clip takes shape?"""
