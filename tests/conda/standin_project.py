"""A copy of the project, beside a conda of its own: nothing outside its folder is written."""
