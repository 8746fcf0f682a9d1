"""Scores of trec_eval for random rankings, by ir-measures: what our own metrics are tested against.

Not a dependency: `pip install ir-measures==0.4.3` into another environment and run
`python -m tests.bench.retrieval.reference` there; it prints tests/unit/services/retrieval_reference.json.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping

SEED, CASES = 7, 40
Case = Mapping[str, object]


def cases() -> Iterator[Case]:
    """Rankings of every length over graded documents, some of them not found."""
    import ir_measures
    from ir_measures import RR, R, nDCG

    chance = random.Random(SEED)
    for number in range(CASES):
        documents = [f"d{place}" for place in range(chance.choice((5, 30, 150)))]
        ranked = chance.sample(documents, chance.randint(1, len(documents)))
        grades = {key: chance.randint(1, 4) for key in chance.sample(documents, chance.randint(1, 5))}
        qrels = [ir_measures.Qrel(str(number), key, grade) for key, grade in grades.items()]
        run = [ir_measures.ScoredDoc(str(number), key, -place) for place, key in enumerate(ranked)]
        names = {"ndcg": nDCG @ 10, "recall": R @ 100, "rank": RR @ 10}
        found = ir_measures.calc_aggregate(names.values(), qrels, run)
        scores = {name: round(float(found[measure]), 9) for name, measure in names.items()}
        yield {"ranked": ranked, "grades": grades, "scores": scores}


if __name__ == "__main__":
    print("[")
    print(",\n".join(json.dumps(case) for case in cases()))
    print("]")
