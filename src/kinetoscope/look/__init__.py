"""The main job: what does a trained network see in the videos of a catalog?"""
