FLASK_APP=core.main
