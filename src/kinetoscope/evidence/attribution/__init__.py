"""Where, when, and in which stream does the evidence lie, and is it to be believed?"""
