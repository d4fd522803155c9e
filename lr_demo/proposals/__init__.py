"""Drafted steps as token proposals: what the draft wrote helps the target's server to write its own version faster.

Knows no models and no decoding: `index` finds what may follow, `channel` carries it to the server's process,
`vllm_proposer` is what runs there, `asking` has the draft's server write where the target waits for it.
"""
