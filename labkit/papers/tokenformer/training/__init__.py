"""What is trained: `python -m labkit.papers.tokenformer.training --seeds 0 31 32 33 34 35` makes every missing run.

On seed 0 each arm is trained at all of its learning rates, on the others at the one that was best there. Seeds 31 to 35
are those of the race, 41 to 45 of frozen and slower rows and of other sizes, 61 to 65 of the new corpus;
`experiments.carrying` has 51 to 55.

arms.py      what is trained, as data       workers.py   many runs, shared by processes
running.py   one run                        choosing.py  which rate is an arm's own
shipping.py  models that come along
"""
