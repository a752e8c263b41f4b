r"""The table of symbols of book/notation.md, and how a symbol is found in a formula.

A row is ``| $symbol$, ... | how it is read, ... | its meaning |``. Formulas are compared piece by piece. A function is
known with any argument (``\sigma(a_i)`` is ``\sigma(a)``), an operator by its sign (``\mathbb{E}``), a density only as
it stands in the table (``p(z)`` is not ``p(x)``).
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

STYLED = "mathcal|mathbb|mathrm|mathbf|operatorname|text|tilde|hat|bar"
TOKEN = re.compile(rf"\\(?:{STYLED})\s*(?:\{{[^{{}}]*\}}|\s\w)|\\[a-zA-Z]+|\\.|\S")
LAYOUT = re.compile(
    r"\\(?:[,;:!\s]|(?:begin|end)\{\w+\*?\}(?:\{[lcr]+\})?|(?:q?quad|[bB]igg?[lrm]?|left|right)(?![a-zA-Z]))|&"
)
SAME = {"|": r"\mid", r"\|": r"\Vert", r"\operatorname{E}": r"\mathbb{E}"}
SIGN = re.compile(r"\\(mathbb\{E\}|mathrm\{\w+\}|mathcal\{[LN]\}|nabla|partial|det|log|sim|lVert|odot|top|propto)")
DENSITIES = "pPqQ"
BRACKETS = {"(": ")", "[": "]", r"\{": r"\}", "{": "}"}
TYPED = {r"\mid": "|", r"\Vert": "||", r"\lVert": "||", r"\rVert": "||", r"\top": "T", r"\dots": "...", r"\cdot": ".",
         r"\sim": "~", r"\tilde{p}": "p~"}  # fmt: skip
SPACED = (r"\sim", r"\odot", r"\propto", r"\times", "=")
SIGNS = {r"\nabla": "∇", r"\partial": "∂", r"\lambda": "λ"}  # Unicode spells the letter lamda


@functools.cache
def tokens_of(latex: str) -> list[str]:
    """The pieces of a formula, without what only moves them about."""
    pieces = [re.sub(r"\\(\w+)\s+(\w)$", r"\\\1{\2}", piece) for piece in TOKEN.findall(LAYOUT.sub(" ", latex))]
    pieces = [SAME.get(re.sub(r"\s", "", piece), re.sub(r"\{\s+|\s+\}", "", piece)) for piece in pieces]
    short: list[str] = []  # x_{i} is x_i
    for piece in pieces:
        short.append(piece)
        if piece == "}" and short[-4:-2] in (["_", "{"], ["^", "{"]):
            short[-3:] = [short[-2]]
    return short


def end_of_group(tokens: list[str], start: int) -> int:
    """Where the bracket that opens at ``start`` has been closed."""
    depth = 0
    for place in range(start, len(tokens)):
        depth += (tokens[place] in BRACKETS) - (tokens[place] in BRACKETS.values())
        if depth == 0:
            return place + 1
    return len(tokens)


def separators(tokens: list[str], start: int) -> list[str]:
    """What separates the arguments in the bracket that opens at ``start``."""
    found, depth = [], 0
    for token in tokens[start : end_of_group(tokens, start)]:
        depth += (token in BRACKETS) - (token in BRACKETS.values())
        if depth == 1 and token in (",", ";"):
            found.append(token)
    return found


def without_parameters(tokens: list[str]) -> list[str]:
    """A density without the letter of its parameters."""
    return tokens[:1] + tokens[3:] if tokens[1:2] == ["_"] and tokens[2] in (r"\theta", r"\phi") else []


def typed(latex: str) -> str:
    """A formula in a line of plain characters: ``q_phi(z|x)``."""
    words = []
    for token in tokens_of(latex):
        word = TYPED.get(token) or re.sub(r"\\(?:(tilde|hat|bar)\{(.)\}|\w+\{(.*)\}|)", r"\2\3", token)
        if words and words[-1][-1:].isalpha() and word[:1].isalpha() and len(words[-1] + word) > 2:
            words.append(" ")
        words.append(f" {word} " if token in SPACED else f"{word} " if token in (",", ";") else word)
    return re.sub(r"\s+", " ", re.sub(r"[{}]", "", "".join(words))).strip()


@dataclass(frozen=True)
class Symbol:
    """A symbol of the table, how it is read, and what it means."""

    latex: str
    spoken: str
    meaning: str

    @property
    def anchor(self) -> str:
        """The end of its address."""
        plain = re.sub(r"\\mathcal\{(\w)\}", r"cal-\1", self.latex)
        plain = re.sub(r"\\(?:mathbb|mathrm|text)(?![a-z])", "", plain)
        return "symbol-" + "-".join(re.findall(r"[A-Za-z]+|\d+", plain))

    @property
    def names(self) -> list[str]:
        """The names by which the search finds it: as it is read, as it is typed, and as a character."""
        letter = re.fullmatch(r"\\(?:var)?([A-Za-z][a-z]+)", self.latex)
        sign = SIGNS.get(tokens_of(self.latex)[0])
        if letter and not sign:
            case = "CAPITAL" if letter[1][0].isupper() else "SMALL"
            try:
                sign = unicodedata.lookup(f"GREEK {case} LETTER {letter[1].upper()}")
            except KeyError:
                sign = None
        return list(dict.fromkeys(filter(None, [self.spoken, typed(self.latex), sign])))

    @property
    def label(self) -> str:
        """What it is, in words alone."""
        meaning = re.sub(r"\$([^$]+)\$", lambda found: typed(found[1]), self.meaning)
        return f"{self.spoken}: {meaning.replace('**', '')}"

    def length(self, tokens: list[str], start: int, low: bool) -> int:
        """How many pieces of a formula from ``start`` are this symbol's name; 0 where it does not stand there."""
        own = tokens_of(self.latex)
        follows = (tokens[start + 1 :] or [""])[0]
        if len(own) == 1 and own[0].isalpha():  # with an index a letter is another symbol, but for the data's
            index = low or (follows == "_" and own[0] not in "xyz")
            return int(tokens[start] == own[0] and not index and (follows != "(" or own[0] in DENSITIES + "DG"))
        short = without_parameters(own)  # q(z|x) is q_phi(z|x)
        for name in (own, short) if r"\mid" in own and short else (own,):
            if tokens[start : start + len(name)] == name:
                return len(name)
        if "(" in own and own[0] not in DENSITIES:
            name = own.index("(")
            place = start + name
            same = tokens[start : place + 1] == own[: name + 1]
            return name + 1 if same and separators(tokens, place) == separators(own, name) else 0
        return 0

    @property
    def takes_brackets(self) -> bool:
        """Whether it may be applied to something and stay the same symbol."""
        return bool({"(", "["} & set(tokens_of(self.latex))) or self.sign is None

    @property
    def sign(self) -> str | None:
        """The operator that stands for it."""
        return next((token for token in tokens_of(self.latex) if SIGN.fullmatch(token)), None)


def symbols_of(notation: str) -> list[Symbol]:
    """The symbols of the page of notation, in its order."""
    found = []
    for line in notation.splitlines():
        if not line.startswith("| $"):
            continue
        cells = [cell.strip() for cell in line.strip().strip("|").split(" | ")]
        names, spoken = re.findall(r"\$([^$]+)\$", cells[0]), re.split(r"[,;] ", cells[1])
        if len(cells) != 3 or len(names) != len(spoken):
            raise ValueError(f"not a row of symbols, readings and a meaning: {line}")
        found += [Symbol(name, words, cells[2]) for name, words in zip(names, spoken, strict=True)]
    return found


def uses(latex: str, symbols: list[Symbol]) -> Iterator[tuple[Symbol, int, int]]:
    """The symbols in a formula, with their place and length; the longest name at each place."""
    tokens = tokens_of(latex)
    start, low_until = 0, 0
    while start < len(tokens):
        if tokens[start] == "_":
            group = tokens[start + 1 : start + 2] == ["{"]
            low_until = max(low_until, end_of_group(tokens, start + 1) if group else start + 2)
            start += 1
            continue
        lengths = [(symbol.length(tokens, start, start < low_until), -number) for number, symbol in enumerate(symbols)]
        length, number = max(lengths, default=(0, 0))
        if length:
            yield symbols[-number], start, length
        else:
            signed = next((symbol for symbol in symbols if symbol.sign == tokens[start]), None)
            length = 1
            if signed:
                yield signed, start, 1
        start += length


def is_symbol(latex: str, symbols: list[Symbol]) -> Symbol | None:
    """The symbol that a whole formula is."""
    tokens = tokens_of(latex)
    for symbol, start, length in uses(latex, symbols):
        end = start + length
        if start == 0 and end < len(tokens) and tokens[end] == "_" and symbol.sign == tokens[0]:
            end = end_of_group(tokens, end + 1) if tokens[end + 1] == "{" else end + 2
        if start == 0 and tokens[end - 1] == "(":
            end = end_of_group(tokens, end - 1)
        elif start == 0 and end < len(tokens) and tokens[end] in BRACKETS and symbol.takes_brackets:
            closed = end_of_group(tokens, end)
            end = closed if not set(tokens[end + 1 : closed - 1]) & set(BRACKETS) else end
        return symbol if start == 0 and end == len(tokens) else None
    return None
