"""Libraries of models: language, pictures, and other frameworks than torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from . import batches, check, command, has, hold, load, same


def tiny_bert() -> Any:
    """Return a classifier of two classes with random weights."""
    transformers = load("transformers")
    config = transformers.BertConfig(
        vocab_size=50, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32
    )
    return transformers.BertForSequenceClassification(config)


@check
def transformers_model() -> None:
    torch, transformers = load("torch"), load("transformers")
    model = tiny_bert()
    model(input_ids=torch.tensor([[1, 2, 3]]), labels=torch.tensor([1])).loss.backward()
    model.save_pretrained("bert")
    transformers.AutoModelForSequenceClassification.from_pretrained("bert")
    config = transformers.GPT2Config(vocab_size=50, n_positions=16, n_embd=16, n_layer=1, n_head=2)
    words = transformers.GPT2LMHeadModel(config).generate(
        torch.tensor([[1, 2]]), max_length=5, do_sample=False, pad_token_id=0, eos_token_id=49
    )
    hold(words.shape[1] <= 5)
    hold(transformers.Trainer)
    hold(transformers.pipeline)


@check
def transformers_trainer() -> None:
    torch, transformers = load("torch"), load("transformers")
    rows = [{"input_ids": torch.tensor([1, 2, 3]), "labels": torch.tensor(1)}] * 4
    arguments = transformers.TrainingArguments(output_dir="trainer", max_steps=2, report_to=[], logging_steps=1)
    same(transformers.Trainer(model=tiny_bert(), args=arguments, train_dataset=rows).train().global_step, 2)


@check
def accelerate_step() -> None:
    torch = load("torch")
    accelerator = load("accelerate").Accelerator(cpu=True)
    model = torch.nn.Linear(4, 1)
    model, optimizer, rows = accelerator.prepare(model, torch.optim.SGD(model.parameters(), lr=0.1), batches(torch))
    for features, target in rows:
        accelerator.backward(torch.nn.functional.mse_loss(model(features), target))
        optimizer.step()


@check
def peft_lora() -> None:
    peft, torch = load("peft"), load("torch")
    model = peft.get_peft_model(tiny_bert(), peft.LoraConfig(task_type="SEQ_CLS", r=2, target_modules=["query"]))
    model(input_ids=torch.tensor([[1, 2, 3]]), labels=torch.tensor([1])).loss.backward()
    model.save_pretrained("lora")
    peft.PeftModel.from_pretrained(tiny_bert(), "lora")


@check
def bitsandbytes_layer() -> None:
    bitsandbytes = load("bitsandbytes")
    same(bitsandbytes.nn.Linear8bitLt(4, 4).weight.shape, (4, 4))
    hold(bitsandbytes.optim.Adam8bit)


@check
def datasets_csv() -> None:
    datasets = load("datasets")
    doubled = datasets.Dataset.from_dict({"a": [1, 2, 3]}).map(lambda row: {"b": 2 * row["a"]})
    same(doubled.with_format("numpy")[0]["b"], 2)
    Path("rows.csv").write_text("a,b\n1,2\n3,4\n", encoding="utf-8")
    rows = datasets.load_dataset("csv", data_files="rows.csv", cache_dir="cache")["train"]
    same(rows.to_pandas()["b"].tolist(), [2, 4])
    if has("torch"):
        same(rows.with_format("torch")[1]["a"].item(), 3)


@check
def tokenizers_train() -> None:
    tokenizers = load("tokenizers")
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE())
    tokenizer.train_from_iterator(["low lower"], tokenizers.trainers.BpeTrainer(vocab_size=30))
    hold(tokenizer.decode(tokenizer.encode("low").ids))


@check
def diffusers_pipeline() -> None:
    diffusers = load("diffusers")
    model = diffusers.UNet2DModel(
        sample_size=8,
        layers_per_block=1,
        block_out_channels=(32, 32),
        down_block_types=("DownBlock2D", "AttnDownBlock2D"),
        up_block_types=("AttnUpBlock2D", "UpBlock2D"),
    )
    diffusers.DDPMPipeline(unet=model, scheduler=diffusers.DDPMScheduler()).save_pretrained("pipeline")
    pipeline = diffusers.DDPMPipeline.from_pretrained("pipeline")
    same(len(pipeline(num_inference_steps=2).images), 1)
    if has("transformers"):
        hold(diffusers.StableDiffusionPipeline.from_pretrained)


@check
def sentence_transformers_pooling() -> None:
    sentences = load("sentence_transformers")
    same(sentences.models.Pooling(8).get_sentence_embedding_dimension(), 8)
    same(sentences.util.cos_sim([1.0, 0.0], [1.0, 0.0]).item(), 1)


@check
def ultralytics_forward() -> None:
    model = load("ultralytics").YOLO("yolov8n.yaml")
    same(len(model.predict(load("numpy").zeros((64, 64, 3), dtype="uint8"), imgsz=64, verbose=False)), 1)


@check
def flax_train() -> None:
    jax, linen, optax = load("jax"), load("flax.linen"), load("optax")
    model = linen.Dense(1)
    parameters = model.init(jax.random.PRNGKey(0), jax.numpy.ones((1, 4)))
    slope = jax.jit(jax.grad(lambda p: model.apply(p, jax.numpy.ones((2, 4))).sum()))(parameters)
    optimizer = optax.adam(0.1)
    changes, _ = optimizer.update(slope, optimizer.init(parameters))
    optax.apply_updates(parameters, changes)


@check
def tensorflow_fit() -> None:
    numpy, keras = load("numpy"), load("tensorflow").keras
    model = keras.Sequential([keras.layers.Dense(1, input_shape=(4,))])
    model.compile(optimizer="adam", loss="mse")
    model.fit(numpy.zeros((4, 4)), numpy.zeros((4, 1)), verbose=0, callbacks=[keras.callbacks.TensorBoard("runs")])
    model.save("model.h5")


@check
def spacy_train() -> None:
    spacy = load("spacy")
    pipeline = spacy.blank("en")
    pipeline.add_pipe("textcat")
    labels = {"cats": {"good": 1.0, "bad": 0.0}}
    example = load("spacy.training").Example.from_dict(pipeline.make_doc("a fine day"), labels)
    pipeline.initialize(lambda: [example])
    hold(pipeline.update([example]))
    command("python", "-m", "spacy", "info")


@check
def gradio_serve() -> None:
    from urllib.request import urlopen

    interface = load("gradio").Interface(fn=str.upper, inputs="text", outputs="text")
    _, address, _ = interface.launch(prevent_thread_lock=True, quiet=True, server_name="127.0.0.1")
    with urlopen(address, timeout=30) as page:  # noqa: S310  # the server that was started above
        same(page.status, 200)
    interface.close()
