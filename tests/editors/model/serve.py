"""Serves one model on a loopback port, a free one if none is named, with llama.cpp's own OpenAI-compatible server, and ends when its standard input does.

Knows nothing of stepwright. Prints its address when it is ready. Sampling is greedy unless a request says otherwise, so that equal
prompts get equal answers.
"""
import argparse
import pathlib
import sys

import xllamacpp

CONTEXT_TOKENS = 8192
ANSWER_TOKENS = 256  # a tiny model that repeats itself is cut here, with finish reason `length`
REPEAT_PENALTY = 1.1  # without one, greedy answers of a tiny model rarely end

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("model", help="a .gguf file")
parser.add_argument("--grammar", type=pathlib.Path, help="a GBNF file that every answer is held to")
parser.add_argument("--port", type=int, default=0)
options = parser.parse_args()

params = xllamacpp.CommonParams()
params.model.path = options.model
params.model_alias = {"tiny"}
params.hostnames = ["127.0.0.1"]
params.port = options.port
params.n_ctx = CONTEXT_TOKENS
params.n_parallel = 1
params.n_predict = ANSWER_TOKENS
params.offline = True
params.cpuparams.n_threads = 1  # more of them wait for each other on busy cores
params.sampling.temp = 0.0
params.sampling.seed = 1
params.sampling.penalty_repeat = REPEAT_PENALTY
if options.grammar:
    user = xllamacpp.common_grammar_type.COMMON_GRAMMAR_TYPE_USER
    params.sampling.grammar = xllamacpp.CommonGrammar(user, options.grammar.read_text())

server = xllamacpp.Server(params)
print(server.listening_address, flush=True)
sys.stdin.read()
