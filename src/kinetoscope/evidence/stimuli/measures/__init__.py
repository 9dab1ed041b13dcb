"""What can be measured of a stimulus that is there?"""
