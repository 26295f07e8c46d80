"""One HTML file that needs nothing else."""

from html import escape

from e3d.drawing.view import web_file


def page(title: str, body: str, *, styles: str = "") -> str:
    """Return a page with the styles of all pages and its own; ``body`` is HTML."""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        # nothing is fetched, whatever a script would like to
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data: blob:\">\n"
        f'<link rel="icon" href="data:,">\n<title>{escape(title)}</title>\n'
        f"<style>\n{web_file('page.css')}{styles}</style>\n</head>\n"
        f"<body>\n{body}\n</body>\n</html>\n"
    )
