"""What stands beside the training: data, pictures, runtimes, trackers."""

from __future__ import annotations

import base64
from pathlib import Path

from . import check, command, hold, load, same

ONNX_ADD = """
CAc6TQoTCgF4CgF5EgF6GgNhZGQiA0FkZBIDYWRkWg8KAXgSCgoICAESBAoC
CAJaDwoBeRIKCggIARIECgIIAmIPCgF6EgoKCAgBEgQKAggCQgIQDQ==
"""
"""An ONNX model of one node, z = x + y over two floats (IR version 7, opset 13)."""


@check
def onnx_model() -> None:
    onnx = load("onnx")
    model = onnx.load_model_from_string(base64.b64decode(ONNX_ADD))
    onnx.checker.check_model(model)
    onnx.save(model, "add.onnx")


@check
def onnxruntime_session() -> None:
    numpy = load("numpy")
    runtime = load("onnxruntime")
    session = runtime.InferenceSession(base64.b64decode(ONNX_ADD), providers=["CPUExecutionProvider"])
    (total,) = session.run(None, {name: numpy.ones(2, dtype="float32") for name in ("x", "y")})
    same(total.tolist(), [2, 2])


@check
def onnxruntime_cuda() -> None:
    providers = load("onnxruntime").get_available_providers()
    hold("CUDAExecutionProvider" in providers, f"only {', '.join(providers)} are built in")


@check
def opencv_picture() -> None:
    cv2 = load("cv2")
    picture = load("numpy").zeros((8, 8, 3), dtype="uint8")
    grey = cv2.cvtColor(cv2.GaussianBlur(cv2.resize(picture, (16, 16)), (3, 3), 0), cv2.COLOR_BGR2GRAY)
    done, data = cv2.imencode(".png", grey)
    hold(done)
    same(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE).shape, (16, 16))


@check
def albumentations_compose() -> None:
    albumentations = load("albumentations")
    steps = [albumentations.Resize(8, 8), albumentations.Rotate(p=1), albumentations.RandomBrightnessContrast(p=1)]
    steps.append(albumentations.Normalize())
    picture = load("numpy").zeros((16, 16, 3), dtype="uint8")
    same(albumentations.Compose(steps)(image=picture)["image"].shape, (8, 8, 3))


@check
def pandas_frame() -> None:
    pandas, numpy = load("pandas"), load("numpy")
    frame = pandas.DataFrame({"a": numpy.arange(4), "b": list("xyxy"), "c": pandas.date_range("2020-01-01", periods=4)})
    same(frame.groupby("b")["a"].sum().tolist(), [2, 4])
    frame.to_csv("frame.csv")


@check
def sklearn_fit() -> None:
    ensemble, numpy = load("sklearn.ensemble"), load("numpy")
    ensemble.GradientBoostingClassifier(n_estimators=2).fit(numpy.eye(4), [0, 1, 0, 1]).predict(numpy.eye(4))


@check
def matplotlib_plot() -> None:
    figure, axes = load("matplotlib.pyplot").subplots()
    axes.hist([1, 2, 2])
    figure.savefig("figure.png")


@check
def pyspark_frame() -> None:
    pandas, sql = load("pandas"), load("pyspark.sql")
    spark = sql.SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
    rows = spark.createDataFrame(pandas.DataFrame({"a": [1, 2, 3], "b": [True, False, True]}))
    same(rows.filter("a > 1").toPandas()["b"].tolist(), [False, True])
    spark.stop()


@check
def mlflow_run() -> None:
    mlflow = load("mlflow")
    mlflow.set_tracking_uri("sqlite:///runs.db")
    with mlflow.start_run():
        mlflow.log_metric("loss", 1.0)
    command("mlflow", "--version")


@check
def wandb_offline() -> None:
    wandb = load("wandb")
    run = wandb.init(mode="offline", project="smoke")
    run.log({"loss": 1.0})
    run.finish()


@check
def hydra_compose() -> None:
    hydra = load("hydra")
    Path("conf").mkdir()
    Path("conf/config.yaml").write_text("a: 1\n", encoding="utf-8")
    with hydra.initialize_config_dir(config_dir=str(Path("conf").absolute())):
        same(hydra.compose("config", overrides=["a=2"]).a, 2)
