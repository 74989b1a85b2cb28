"""The shape of the stores that the tests make."""

KV_HEADS = 2
QUERY_HEADS = 4
HEAD_DIM = 64
LAYERS = (3, 5)
