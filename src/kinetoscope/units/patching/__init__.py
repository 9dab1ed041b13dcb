"""What does a small change of a clip change in a network, and what stays as it was?"""
