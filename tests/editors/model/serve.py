"""Serves one model on a free loopback port with llama.cpp's own OpenAI-compatible server; ends with its standard input.

Knows nothing of stepwright. Sampling is greedy unless a request says otherwise, so that equal prompts get equal answers.
"""
import argparse
import sys

import xllamacpp

CONTEXT_TOKENS = 8192
ANSWER_TOKENS = 1024  # a tiny model that loops is cut here, with finish reason `length`

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("model", help="a .gguf file")
options = parser.parse_args()

params = xllamacpp.CommonParams()
params.model.path = options.model
params.model_alias = {"tiny"}
params.hostnames = ["127.0.0.1"]
params.port = 0
params.n_ctx = CONTEXT_TOKENS
params.n_parallel = 1
params.n_predict = ANSWER_TOKENS
params.offline = True
params.sampling.temp = 0.0
params.sampling.seed = 1
params.cpuparams.n_threads = 2

server = xllamacpp.Server(params)
print(server.listening_address, flush=True)
sys.stdin.read()
