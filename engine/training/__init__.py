"""How the compact checkpoint is made. Nothing here is imported at run time."""
