"""The same model as MLflow serves it: `python mlflow_serving.py FOLDER` saves it, with a port it is served."""

import os
import sys
from pathlib import Path

FOLDER = Path(sys.argv[1])
SAVED = str(FOLDER / "mlflow-model")

if len(sys.argv) == 2:
    import joblib  # type: ignore[import-untyped]
    import mlflow.sklearn  # type: ignore[import-not-found]  # lives in an environment of its own

    mlflow.sklearn.save_model(joblib.load(FOLDER / "model.joblib"), SAVED, serialization_format="cloudpickle")
else:
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # where it looks for uvicorn
    serve = ["-m", "mlflow", "models", "serve", "--model-uri", SAVED, "--host", "127.0.0.1", "--port", sys.argv[2]]
    os.execv(sys.executable, [sys.executable, *serve, "--env-manager", "local"])
