"""How are the stimuli of very many objectives made?"""
