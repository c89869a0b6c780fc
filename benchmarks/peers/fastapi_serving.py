"""A scikit-learn model behind FastAPI: `python fastapi_serving.py FOLDER PORT`."""

import sys
from pathlib import Path
from typing import Any

import joblib  # type: ignore[import-untyped]
import numpy as np
import uvicorn
from fastapi import FastAPI  # type: ignore[import-not-found]  # lives in an environment of its own
from pydantic import BaseModel

model = joblib.load(Path(sys.argv[1]) / "model.joblib")
app = FastAPI()


class Request(BaseModel):
    inputs: list[list[float]]


@app.post("/invocations")  # type: ignore[untyped-decorator]
def invocations(request: Request) -> dict[str, Any]:
    return {"predictions": model.predict_proba(np.array(request.inputs, np.float32))[:, 1].tolist()}


uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), log_level="error")
