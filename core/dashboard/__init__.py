"""The dashboard: pages made by the server, usable without JavaScript, each action a form that is posted."""
