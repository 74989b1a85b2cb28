"""What a selection costs in quality: the programs kvsift-perplexity and kvsift-needle.

A language model decodes through a running kvsift server under one policy after the other, and
its predictions are compared with those of dense attention.
"""
