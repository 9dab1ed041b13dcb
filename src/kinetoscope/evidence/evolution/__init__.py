"""How do units come to be what they are, over the checkpoints of one training?"""
