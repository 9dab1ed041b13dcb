"""What would a unit, a label or a direction like to see?"""
