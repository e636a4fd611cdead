"""What is the matter: facts of server, broker, processes and settings, and for each what to do about it.

Facts are gathered in one place; each check is a function of them alone.
"""
