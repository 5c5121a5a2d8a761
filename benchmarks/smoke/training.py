"""torch, what is trained with it, and what it is trained by."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from typing import Any

from . import batches, check, command, has, hold, load, same


@check
def torch_numpy() -> None:
    torch, numpy = load("torch"), load("numpy")
    tensor = torch.from_numpy(numpy.arange(4, dtype="float32"))
    same((tensor + 1).numpy().tolist(), [1, 2, 3, 4])
    same(torch.tensor(numpy.ones(2)).sum().item(), 2)


@check
def torch_train() -> None:
    torch = load("torch")
    model = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.ReLU(), torch.nn.Linear(4, 1))
    optimizer = torch.optim.AdamW(model.parameters())
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 0.9**step)
    for features, target in batches(torch):
        torch.nn.functional.mse_loss(model(features), target).backward()
        optimizer.step()
        schedule.step()
    torch.save(model.state_dict(), "model.pt")
    model.load_state_dict(torch.load("model.pt"))
    torch.jit.trace(model, torch.zeros(1, 4))
    if hasattr(torch, "compile"):
        # The eager backend needs no compiler, but all of the front end that rewrites the bytecode.
        torch.compile(model, backend="eager")(torch.zeros(1, 4))


@check
def torch_tensorboard() -> None:
    writer = load("torch.utils.tensorboard").SummaryWriter("runs")
    writer.add_scalar("loss", 1.0, 0)
    if has("numpy"):
        writer.add_histogram("weights", load("torch").randn(16), 0)
    writer.close()


@check
def torch_tensorboard_alone() -> None:
    # In a process of its own: another package may have imported what this one forgets to import.
    command("python", "-c", "import torch.utils.tensorboard")


@check
def tensorboard_command() -> None:
    command("tensorboard", "--version")


@check
def torchvision_ops() -> None:
    torch, torchvision = load("torch"), load("torchvision")
    boxes = torch.tensor([[0.0, 0.0, 2.0, 2.0], [0.0, 0.0, 2.0, 2.1]])
    same(len(torchvision.ops.nms(boxes, torch.tensor([1.0, 0.5]), 0.5)), 1)
    transforms = torchvision.transforms
    change = transforms.Compose([transforms.Resize(16), transforms.RandomRotation(10), transforms.ToTensor()])
    picture = change(load("PIL.Image").new("RGB", (20, 20)))
    same(torchvision.models.resnet18()(torch.stack([picture, picture])).shape, (2, 1000))
    torchvision.utils.save_image(picture, "picture.png")


@check
def torchaudio_spectrogram() -> None:
    torch = load("torch")
    same(load("torchaudio").transforms.MelSpectrogram(n_mels=8, n_fft=256)(torch.randn(1, 1600)).dim(), 3)


@check
def torchtext_vocabulary() -> None:
    tokens = load("torchtext.data.utils").get_tokenizer("basic_english")("a small a")
    vocabulary = load("torchtext.vocab").vocab(OrderedDict([("a", 2), ("small", 1)]))
    same(vocabulary(tokens), [0, 1, 0])


@check
def torchmetrics_mean() -> None:
    torch, torchmetrics = load("torch"), load("torchmetrics")
    metrics = torchmetrics.MetricCollection([torchmetrics.MeanSquaredError(), torchmetrics.MeanAbsoluteError()])
    same(len(metrics(torch.zeros(3), torch.ones(3))), 2)


def fit(pl: Any) -> None:
    """Fit, checkpoint, resume: with a scheduler, a metric, and the logger that people use."""
    torch = load("torch")

    class Model(pl.LightningModule):  # type: ignore[misc]  # known only inside the environment
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(4, 1)
            self.metric = load("torchmetrics").MeanSquaredError()

        def training_step(self, batch: Any, _index: int) -> Any:
            loss = torch.nn.functional.mse_loss(self.layer(batch[0]), batch[1])
            self.log("loss", loss)
            return loss

        def validation_step(self, batch: Any, _index: int) -> None:
            self.metric(self.layer(batch[0]), batch[1])
            self.log("error", self.metric)

        def configure_optimizers(self) -> Any:
            optimizer = torch.optim.Adam(self.parameters())
            return [optimizer], [torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 0.9**step)]

    def trainer(epochs: int, checkpoints: Any) -> Any:
        loggers = load(pl.__name__ + ".loggers")
        logger = loggers.TensorBoardLogger("logs") if has("tensorboard") else loggers.CSVLogger("logs")
        return pl.Trainer(
            max_epochs=epochs, accelerator="cpu", devices=1, logger=logger, log_every_n_steps=1, callbacks=[checkpoints]
        )

    callbacks = load(pl.__name__ + ".callbacks")
    checkpoints = callbacks.ModelCheckpoint(dirpath="checkpoints", save_last=True)
    trainer(1, checkpoints).fit(Model(), batches(torch), batches(torch))
    Model.load_from_checkpoint(checkpoints.best_model_path)
    resumed = trainer(2, callbacks.ModelCheckpoint(dirpath="resumed"))
    resumed.fit(Model(), batches(torch), batches(torch), ckpt_path=checkpoints.best_model_path)
    hold(resumed.current_epoch >= 1)


@check
def pytorch_lightning_fit() -> None:
    fit(load("pytorch_lightning"))


@check
def lightning_fit() -> None:
    fit(load("lightning.pytorch"))


@check
def fairscale_sharded() -> None:
    torch = load("torch")
    torch.distributed.init_process_group(
        "gloo", init_method=Path("rendezvous").absolute().as_uri(), rank=0, world_size=1
    )
    model = torch.nn.Linear(4, 1)
    optimizer = load("fairscale.optim").OSS(model.parameters(), optim=torch.optim.SGD, lr=0.1)
    sharded = load("fairscale.nn.data_parallel").ShardedDataParallel(model, optimizer)
    sharded(torch.zeros(1, 4)).sum().backward()
    optimizer.step()
    torch.distributed.destroy_process_group()


@check
def deepspeed_config() -> None:
    deepspeed = load("deepspeed")
    config = load("deepspeed.runtime.config").DeepSpeedConfig(
        {"train_batch_size": 1, "zero_optimization": {"stage": 2}, "fp16": {"enabled": False}}
    )
    same(config.zero_optimization_stage, 2)
    hold(deepspeed.ops is not None)


@check
def xformers_library() -> None:
    hold(load("xformers.ops").memory_efficient_attention)
    hold(load("xformers")._has_cpp_library, "the C++ library does not load")  # noqa: SLF001  # its own flag


@check
def timm_model() -> None:
    same(load("timm").create_model("resnet18").eval()(load("torch").zeros(1, 3, 32, 32)).shape, (1, 1000))


@check
def monai_unet() -> None:
    torch, monai = load("torch"), load("monai")
    network = monai.networks.nets.UNet(spatial_dims=2, in_channels=1, out_channels=1, channels=(4, 8), strides=(2,))
    same(network(torch.zeros(1, 1, 8, 8)).shape, (1, 1, 8, 8))
    change = monai.transforms.Compose([monai.transforms.ScaleIntensity(), monai.transforms.RandRotate(0.1, prob=1.0)])
    same(change(load("numpy").ones((1, 8, 8), dtype="float32")).shape, (1, 8, 8))


@check
def torch_geometric_convolution() -> None:
    torch, geometric = load("torch"), load("torch_geometric")
    data = geometric.data.Data(x=torch.randn(3, 4), edge_index=torch.tensor([[0, 1], [1, 2]]))
    batch = next(iter(geometric.loader.DataLoader([data, data], batch_size=2)))
    same(geometric.nn.GCNConv(4, 2)(batch.x, batch.edge_index).shape, (6, 2))


@check
def torch_onnx() -> None:
    torch = load("torch")
    modern = tuple(int(part) for part in torch.__version__.split(".")[:2]) >= (2, 5)
    options = {"dynamo": False} if modern else {}
    torch.onnx.export(torch.nn.Linear(4, 1), (torch.zeros(1, 4),), "linear.onnx", input_names=["x"], **options)
    load("onnx").checker.check_model("linear.onnx")
    session = load("onnxruntime").InferenceSession("linear.onnx", providers=["CPUExecutionProvider"])
    same(session.run(None, {"x": torch.zeros(1, 4).numpy()})[0].shape, (1, 1))
