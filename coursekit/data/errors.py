"""The one error that every data set raises."""


class DataError(Exception):
    """A data set cannot be had as asked for; nothing else is put in its place.

    ``failed`` says what failed, ``remedy`` what to do (an order, without a full stop), and ``bundled`` what the bundled
    data would give (``None`` where it would give nothing). The message shows all three.
    """

    def __init__(self, failed: str, remedy: str, bundled: str | None = None) -> None:
        self.failed = failed
        self.remedy = remedy
        self.bundled = bundled
        lines = [failed, f"What to do: {remedy}."]
        if bundled is not None:
            lines.append(f"The bundled data: {bundled}")
        super().__init__("\n".join(lines))
