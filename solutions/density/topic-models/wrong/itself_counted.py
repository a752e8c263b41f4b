"""q2: an occurrence does not count itself: it is in none of the counts"""

import torch


def conditionals(word, document, topic, vocabulary, topics, alpha, beta):
    own = torch.nn.functional.one_hot(topic, topics).double()  # (N, K)
    same_document = (document.unsqueeze(1) == document).double()  # (N, N)
    same_word = (word.unsqueeze(1) == word).double()  # (N, N)
    of_document = same_document @ own  # (N, K)
    of_word = same_word @ own  # (N, K)
    of_all = own.sum(dim=0).expand_as(own)  # (N, K)
    weight = (of_document + alpha) * (of_word + beta) / (of_all + vocabulary * beta)  # (N, K)
    return weight / weight.sum(dim=-1, keepdim=True)
