"""What a fit found, for people: a page, a model card and a summary in the terminal."""

from graphtune.report.card import card
from graphtune.report.console import console
from graphtune.report.page import html

__all__ = ["card", "console", "html"]
