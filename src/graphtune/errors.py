"""The one tree of errors that a user can mend."""


class GraphtuneError(Exception):
    """Something the user can put right: what is wrong, and the fix.

    The command prints it without a traceback and ends with exit status 2.
    """

    def __init__(self, problem: str, *, fix: str) -> None:
        super().__init__(problem, fix)
        self.problem = problem
        self.fix = fix

    def __str__(self) -> str:
        return f"{self.problem}\nfix: {self.fix}"


class TableError(GraphtuneError):
    """A table, an edge file or a column that cannot be used as it is."""


class GraphError(GraphtuneError):
    """Edges or graph settings that make no graph."""


class EncoderError(GraphtuneError):
    """An encoder that is not there, or that cannot read these texts."""


class PlanError(GraphtuneError):
    """A plan or a setting that cannot be carried out."""


class TrainError(GraphtuneError):
    """Training that cannot go on, such as a loss that is not a number."""


class ModelError(GraphtuneError):
    """A saved model that is missing, incomplete, altered or too new."""


class CompressionError(GraphtuneError):
    """A smaller model that lost more than is allowed."""


class OutputError(GraphtuneError):
    """A place that cannot be written to: no permission, no such folder, a full disk."""


class MissingExtraError(GraphtuneError):
    """An optional dependency is not installed."""

    def __init__(self, extra: str, needed_for: str) -> None:
        super().__init__(
            f"{needed_for} needs the extra '{extra}', which is not installed.",
            fix=f"pip install 'graphtune[{extra}]'",
        )
