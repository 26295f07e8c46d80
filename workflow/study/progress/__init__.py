"""What a running study says: how far it is by expected time, what failed, and what came out.

``jobs`` and ``facts`` are what the Snakefile hands over, ``expected`` and ``tracker`` the
arithmetic, ``wording`` and ``screen`` what is shown; ``handler`` is Snakemake's logger plug-in.
"""
