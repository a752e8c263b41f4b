"""q2: alpha and beta are missing: what was not seen has a chance"""

import torch


def conditionals(word, document, topic, vocabulary, topics, alpha, beta):
    own = torch.nn.functional.one_hot(topic, topics).double()  # (N, K)
    same_document = (document.unsqueeze(1) == document).double()  # (N, N)
    same_word = (word.unsqueeze(1) == word).double()  # (N, N)
    of_document = same_document @ own - own  # (N, K)
    of_word = same_word @ own - own  # (N, K)
    of_all = own.sum(dim=0) - own  # (N, K)
    weight = of_document * of_word / of_all  # (N, K)
    return weight / weight.sum(dim=-1, keepdim=True)
