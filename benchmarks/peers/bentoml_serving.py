"""The same model behind BentoML: `bentoml serve bentoml_serving:Model`, with the folder of the model in $MODEL_FOLDER.

`python bentoml_serving.py FOLDER PORT` serves it.
"""

import os
import sys
from pathlib import Path

import bentoml  # type: ignore[import-not-found]  # lives in an environment of its own
import joblib  # type: ignore[import-untyped]
import numpy as np

if __name__ == "__main__":
    os.environ["MODEL_FOLDER"] = sys.argv[1]
    os.environ["BENTOML_DO_NOT_TRACK"] = "True"
    here = Path(__file__)
    serve = ["serve", f"{here.stem}:Model", "--host", "127.0.0.1", "--port", sys.argv[2], "--working-dir"]
    os.execv(sys.executable, [sys.executable, "-m", "bentoml", *serve, str(here.parent)])


@bentoml.service
class Model:
    def __init__(self) -> None:
        self._model = joblib.load(Path(os.environ["MODEL_FOLDER"]) / "model.joblib")

    @bentoml.api(route="/invocations")  # type: ignore[untyped-decorator]
    def invocations(self, inputs: list[list[float]]) -> list[float]:
        scores: list[float] = self._model.predict_proba(np.array(inputs, np.float32))[:, 1].tolist()
        return scores
