"""Probe an environment from within, and the node that it runs on: ``python -I -B probe.py --output report.json``.

A program of its own: one file, nothing but the standard library of Python 3.7 to 3.14, no import of envsolver. It may
be copied to a node and run there by the interpreter of the environment. Each check runs in a child process with a
timeout, so that a crash or a hang is a result and not the end. What is not installed is not tried; what needs a GPU is
reported as not run, with the reason, where there is none. It judges nothing: ``envsolver gpu check`` holds its report
against the lock.
"""

from __future__ import annotations

import argparse
import base64
import ctypes
import faulthandler
import glob
import json
import os
import platform
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import traceback
from collections import OrderedDict
from contextlib import suppress
from importlib import import_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, BinaryIO

    Facts = dict[str, Any]
    Function = Callable[[str], Facts]

SCHEMA = 1
"""Of the report."""
VERSION = "1"
"""Of the probe: what it tries, and how."""
NODE = "node"
IMPORT = "import:"
"""Checks of this prefix import one module."""
_IMPORT_SECONDS = 180
_TAIL_LINES, _TAIL_BYTES = 40, 6000
_SURROUNDINGS = (
    *("LD_LIBRARY_PATH", "LD_PRELOAD", "PYTHONPATH", "CUDA_HOME", "CUDA_PATH", "CUDA_VISIBLE_DEVICES"),
    *("NVIDIA_VISIBLE_DEVICES", "NVIDIA_DRIVER_CAPABILITIES", "TORCH_CUDA_ARCH_LIST", "CUDA_MODULE_LOADING"),
    *("HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "ROCM_PATH", "HSA_OVERRIDE_GFX_VERSION", "OMP_NUM_THREADS"),
)
"""Variables that decide which libraries are found and which devices are seen."""


class NotRunError(Exception):
    """A check found that it cannot be run here; its message says why."""


class WrongResultError(Exception):
    """Something ran and computed the wrong thing."""


class Check:
    """One check.

    Attributes:
        name: stable.
        title: what is tried, for people.
        packages: projects that must be installed, all of them; of names joined by ``|`` one.
        device: ``gpu`` if it can only be run on one, ``any`` if it is run on a GPU where there is one, else on the CPU.
        seconds: after which it counts as hung.
        run: takes ``cuda`` (which is what torch calls AMD's devices, too) or ``cpu``; returns facts, or raises.
    """

    def __init__(
        self, name: str, title: str, packages: Sequence[str], device: str, seconds: int, run: Function
    ) -> None:
        self.name, self.title, self.packages = name, title, tuple(packages)
        self.device, self.seconds, self.run = device, seconds, run


CHECKS: dict[str, Check] = OrderedDict()
"""All checks but those of single imports, in the order in which they are run."""


def check(
    name: str, title: str, *packages: str, device: str = "any", seconds: int = 120
) -> Callable[[Function], Function]:
    """Enter a function into :data:`CHECKS`."""

    def enter(function: Function) -> Function:
        CHECKS[name] = Check(name, title, packages, device, seconds, function)
        return function

    return enter


# The node, without any package


def node_facts() -> Facts:
    """Return what the node offers: devices, driver, how it was found out, containers."""
    facts: Facts = {"backend": None, "driver": None, "driver_cuda": None, "source": None, "devices": []}
    problems = []
    for ask in (_ask_nvml, _ask_nvidia_smi, _ask_driver, _ask_kfd):
        try:
            found = ask()
        except (OSError, AttributeError, ValueError, IndexError, subprocess.SubprocessError) as error:
            problems.append("{}: {}".format(ask.__name__.replace("_ask_", "").replace("_", "-"), error))
            continue
        if found is not None:
            facts.update(found)
            break
    kernel = re.search(r"Kernel Module\D+(\d+(?:\.\d+)+)", _read("/proc/driver/nvidia/version"))
    files = glob.glob("/dev/nvidia[0-9]*") + glob.glob("/dev/nvidiactl") + glob.glob("/dev/kfd")
    facts.update(
        hardware=_pci_devices(),
        kernel_module=kernel.group(1) if kernel else None,
        device_files=sorted(files),
        containers=_containers(),
        problems=[] if facts["devices"] else problems,
    )
    return facts


def _pci_devices() -> list[str]:
    """Return the vendors of display and compute devices on the PCI bus, as ``nvidia`` and ``amd``."""
    found = []
    for folder in sorted(glob.glob("/sys/bus/pci/devices/*")):
        vendor = _read(os.path.join(folder, "vendor")).strip()
        kind = _read(os.path.join(folder, "class")).strip()
        # PCI classes: 0x03 is a display controller, 0x12 a processing accelerator.
        if kind[:4] in ("0x03", "0x12") and vendor in ("0x10de", "0x1002"):
            found.append({"0x10de": "nvidia", "0x1002": "amd"}[vendor])
    return found


def _ask_nvml() -> Facts | None:
    library = ctypes.CDLL("libnvidia-ml.so.1")

    def call(function: str, *arguments: Any) -> None:
        status = getattr(library, function)(*arguments)
        if status != 0:
            raise OSError(f"{function} answers {status}")

    call("nvmlInit_v2")
    text, number = ctypes.create_string_buffer(96), ctypes.c_int()
    call("nvmlSystemGetDriverVersion", text, ctypes.c_uint(96))
    driver = text.value.decode()
    call("nvmlSystemGetCudaDriverVersion", ctypes.byref(number))
    cuda = _cuda_text(number.value)
    amount = ctypes.c_uint()
    call("nvmlDeviceGetCount_v2", ctypes.byref(amount))
    devices = []
    for index in range(amount.value):
        handle, major, minor = ctypes.c_void_p(), ctypes.c_int(), ctypes.c_int()
        memory = (ctypes.c_ulonglong * 3)()  # total, free, used
        call("nvmlDeviceGetHandleByIndex_v2", ctypes.c_uint(index), ctypes.byref(handle))
        call("nvmlDeviceGetName", handle, text, ctypes.c_uint(96))
        call("nvmlDeviceGetCudaComputeCapability", handle, ctypes.byref(major), ctypes.byref(minor))
        call("nvmlDeviceGetMemoryInfo", handle, ctypes.byref(memory))
        capability = f"{major.value}.{minor.value}"
        devices.append({"name": text.value.decode(), "capability": capability, "memory": int(memory[0])})
    return {"backend": "cuda", "driver": driver, "driver_cuda": cuda, "source": "nvml", "devices": devices}


def _ask_nvidia_smi() -> Facts | None:
    program = shutil.which("nvidia-smi")
    if program is None:
        return None
    query = ["--query-gpu=driver_version,name,compute_cap,memory.total", "--format=csv,noheader,nounits"]
    done = subprocess.run([program, *query], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=30, check=False)
    text = done.stdout.decode("utf-8", "replace").strip()
    if done.returncode != 0:
        raise OSError(text.splitlines()[0] if text else f"status {done.returncode}")
    devices, driver = [], None
    for line in text.splitlines():
        driver, name, capability, memory = (cell.strip() for cell in line.split(","))
        devices.append({"name": name, "capability": capability, "memory": int(float(memory) * 2**20)})
    return {"backend": "cuda", "driver": driver, "source": "nvidia-smi", "devices": devices} if devices else None


def _ask_driver() -> Facts | None:
    """Ask the driver itself: enough to run CUDA, though it does not tell the version of the driver."""
    library = ctypes.CDLL("libcuda.so.1")
    status = library.cuInit(0)
    if status != 0:
        raise OSError(f"cuInit answers {status}")
    number, text = ctypes.c_int(), ctypes.create_string_buffer(96)
    library.cuDriverGetVersion(ctypes.byref(number))
    cuda = _cuda_text(number.value)
    library.cuDeviceGetCount(ctypes.byref(number))
    devices = []
    for index in range(number.value):
        device, major, minor = ctypes.c_int(), ctypes.c_int(), ctypes.c_int()
        memory = ctypes.c_size_t()
        library.cuDeviceGet(ctypes.byref(device), index)
        library.cuDeviceGetName(text, 96, device)
        library.cuDeviceGetAttribute(ctypes.byref(major), 75, device)
        library.cuDeviceGetAttribute(ctypes.byref(minor), 76, device)
        library.cuDeviceTotalMem_v2(ctypes.byref(memory), device)
        capability = f"{major.value}.{minor.value}"
        devices.append({"name": text.value.decode(), "capability": capability, "memory": memory.value})
    kernel = re.search(r"Kernel Module\D+(\d+(?:\.\d+)+)", _read("/proc/driver/nvidia/version"))
    driver = kernel.group(1) if kernel else None
    return {"backend": "cuda", "driver": driver, "driver_cuda": cuda, "source": "libcuda", "devices": devices}


def _ask_kfd() -> Facts | None:
    """Ask the kernel for AMD's devices (amdkfd topology)."""
    devices = []
    for folder in sorted(glob.glob("/sys/class/kfd/kfd/topology/nodes/*")):
        found = dict(re.findall(r"^(\w+) (\d+)$", _read(os.path.join(folder, "properties")), re.MULTILINE))
        target = int(found.get("gfx_target_version", 0))
        if target:  # processors have none
            gfx = f"gfx{target // 10000}{target // 100 % 100:x}{target % 100:x}"
            memory = sum(
                int(size)
                for bank in glob.glob(os.path.join(folder, "mem_banks", "*", "properties"))
                for size in re.findall(r"^size_in_bytes (\d+)$", _read(bank), re.MULTILINE)
            )
            devices.append({"name": _read(os.path.join(folder, "name")).strip(), "capability": gfx, "memory": memory})
    driver = _read("/sys/module/amdgpu/version").strip() or None
    return {"backend": "rocm", "driver": driver, "source": "kfd", "devices": devices} if devices else None


def _cuda_text(number: int) -> str:
    """Return ``12.4`` for 12040, as CUDA counts."""
    return f"{number // 1000}.{number % 1000 // 10}"


def _containers() -> Facts:
    """Return what there is to run containers with GPUs, and whether this is one."""
    programs = (
        "docker",
        "podman",
        "nerdctl",
        "apptainer",
        "singularity",
        "enroot",
        "nvidia-ctk",
        "nvidia-container-cli",
    )
    inside = os.path.exists("/.dockerenv") or os.path.exists("/run/.containerenv")
    cdi = [path for folder in ("/etc/cdi", "/var/run/cdi") for path in sorted(glob.glob(folder + "/nvidia*"))]
    return {
        "inside": inside or bool(re.search("docker|kubepods|containerd|libpod", _read("/proc/1/cgroup"))),
        "programs": [program for program in programs if shutil.which(program)],
        "docker_runtime": "nvidia" in _read("/etc/docker/daemon.json"),
        "cdi": cdi,
    }


def system_facts() -> Facts:
    """Return what the node is, apart from GPUs; nothing that names it or its users."""
    return {
        "system": platform.system(),
        "machine": platform.machine(),
        "kernel": platform.release(),
        "libc": " ".join(platform.libc_ver()).strip() or None,
        "cpus": os.cpu_count(),
        "tools": {name: _tool(name) for name in ("gcc", "g++", "nvcc", "ninja", "hipcc")},
        "variables": {name: os.environ[name] for name in _SURROUNDINGS if name in os.environ},
    }


def _tool(name: str) -> str | None:
    """Return the line of a compiler's ``--version`` that has the version in it, None if it is not there."""
    program = shutil.which(name)
    if program is None:
        return None
    try:
        done = subprocess.run(
            [program, "--version"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=20, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return None
    lines = done.stdout.decode("utf-8", "replace").splitlines()
    return next((line.strip() for line in lines if re.search(r"\d+\.\d+", line)), None)


def installed_packages() -> dict[str, str]:
    """Return canonical name and version of every project in the environment (importlib.metadata came with 3.8)."""
    found: dict[str, str] = {}
    for folder in sys.path:
        # Packages of conda, and old ones, have an egg-info: a folder, or a file alone.
        for kind, inside in (("dist", "METADATA"), ("egg", "PKG-INFO")):
            for path in sorted(glob.glob(os.path.join(glob.escape(folder), f"*.{kind}-info"))):
                text = _read(os.path.join(path, inside)) or _read(path)
                name = re.search(r"^Name:\s*(.+?)\s*$", text, re.MULTILINE)
                version = re.search(r"^Version:\s*(.+?)\s*$", text, re.MULTILINE)
                if name and version:
                    found.setdefault(re.sub(r"[-_.]+", "-", name.group(1)).lower(), version.group(1))
    return found


def _read(path: str) -> str:
    try:
        with open(path, "rb") as stream:
            return stream.read(2**20).decode("utf-8", "replace")
    except OSError:
        return ""


# Libraries


_LIBRARY = re.compile(
    r"(lib(?:cudart|cublas|cublasLt|cudnn|nccl|cufft|curand|cusolver|cusparse|nvrtc|nvJitLink"
    r"|amdhip64|rccl|MIOpen|rocblas))"
    r"(?:[-.]([0-9a-f]{8}))?\.so(?:\.(\d+(?:\.\d+)*))?$"
)
"""A runtime library: its name, the digest with which auditwheel marks private copies, the version behind ``.so``."""


@check("libraries", "runtime libraries that imports map, and from where", "torch|onnxruntime*|tensorflow", seconds=300)
def libraries(_device: str) -> Facts:
    """Import everything, then look which runtime libraries are mapped."""
    said = (_import_error(module) for module in PLAN.get("imports") or _usual_modules())
    failed = [text for text in said if text is not None]
    with open("/proc/self/maps", "rb") as stream:
        fields = [line.decode("utf-8", "replace").rstrip("\n").split(None, 5) for line in stream]
    mapped = sorted({field[5] for field in fields if len(field) == 6 and ".so" in os.path.basename(field[5])})
    needs = {path: _needed(path) for path in mapped}
    prefix = os.path.realpath(sys.prefix) + os.sep
    found = []
    for path in mapped:
        match = _LIBRARY.match(os.path.basename(path))
        if match is None:
            continue
        real = os.path.realpath(path)
        names = {os.path.basename(path), os.path.basename(real), _soname(path)}
        found.append(
            {
                "library": match.group(1),
                "file": real[len(prefix) :] if real.startswith(prefix) else path,
                "inside": real.startswith(prefix) or path.startswith(sys.prefix + os.sep),
                "private": match.group(2) is not None,
                "major": (match.group(3) or "").partition(".")[0] or None,
                "version": _library_version(match.group(1), path),
                "needed_by": sorted(os.path.basename(other) for other in mapped if needs[other] & names)[:8],
            }
        )
    return {"mapped": found, "not_imported": failed}


def _import_error(module: str) -> str | None:
    try:
        import_module(module)
    except BaseException as error:  # packages raise SystemExit too; the check of that import tells
        return f"{module}: {_first_line(error)}"
    return None


def _usual_modules() -> list[str]:
    usual = ("torch", "torchvision", "torchaudio", "onnxruntime", "deepspeed", "fairscale", "pytorch_lightning")
    there = installed_packages()
    return [
        name
        for name in usual
        if name.replace("_", "-") in there or (name == "onnxruntime" and any(one.startswith(name) for one in there))
    ]


def _library_version(library: str, path: str) -> str | None:
    """Ask a library for its version; none of these functions needs a device."""
    number = ctypes.c_int()
    try:
        handle = ctypes.CDLL(path)
        if library == "libcudart":
            return _cuda_text(number.value) if handle.cudaRuntimeGetVersion(ctypes.byref(number)) == 0 else None
        if library == "libcudnn":
            handle.cudnnGetVersion.restype = ctypes.c_size_t
            return cudnn_text(int(handle.cudnnGetVersion()))
        if library == "libnccl":
            return nccl_text(number.value) if handle.ncclGetVersion(ctypes.byref(number)) == 0 else None
    except (OSError, AttributeError):
        return None
    return None


def cudnn_text(number: int) -> str:
    """Return ``8.5.0`` for 8500 and ``9.1.0`` for 90100: cuDNN counts otherwise from 9 on."""
    unit = 10000 if number >= 90000 else 1000
    return f"{number // unit}.{number % unit // 100}.{number % 100}"


def nccl_text(number: int) -> str:
    """Return ``2.14.3`` for 21403 and ``2.8.4`` for 2804: NCCL counts otherwise from 2.9 on."""
    unit = 10000 if number >= 10000 else 1000
    return f"{number // unit}.{number % unit // 100}.{number % 100}"


def _needed(path: str) -> set[str]:
    return set(_dynamic(path, 1))


def _soname(path: str) -> str:
    return next(iter(_dynamic(path, 14)), "")


def _dynamic(path: str, tag: int) -> list[str]:
    """Return the strings of an ELF file's dynamic section with a tag (1: NEEDED, 14: SONAME); 64 bit, little endian."""
    try:
        with open(path, "rb") as stream:
            return _dynamic_strings(stream, tag)
    except (OSError, struct.error, ValueError):
        return []


def _dynamic_strings(stream: BinaryIO, tag: int) -> list[str]:
    head = stream.read(64)
    if head[:6] != b"\x7fELF\x02\x01":
        return []
    offset, size, amount = struct.unpack_from("<Q", head, 32)[0], *struct.unpack_from("<HH", head, 54)
    stream.seek(offset)
    table = stream.read(size * amount)
    segments = [struct.unpack_from("<IIQQQQ", table, index * size) for index in range(amount)]
    entries: list[tuple[int, int]] = []
    for kind, _, place, _, _, length in segments:
        if kind == 2:  # PT_DYNAMIC
            stream.seek(place)
            data = stream.read(min(length, 2**20))
            entries = [struct.unpack_from("<qQ", data, at) for at in range(0, len(data) - 15, 16)]
    strings = dict(entries).get(5)  # DT_STRTAB, as an address
    if strings is None:
        return []
    start = next(place + strings - address for kind, _, place, address, _, length in segments
                 if kind == 1 and address <= strings < address + length)  # fmt: skip
    found = []
    for kind, value in entries:
        if kind == tag:
            stream.seek(start + value)
            found.append(stream.read(512).partition(b"\0")[0].decode("utf-8", "replace"))
    return found


# torch


def _torch() -> Any:
    return import_module("torch")


def _hip(torch: Any) -> bool:
    return bool(getattr(torch.version, "hip", None))


def _release(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version.partition("+")[0])[:3])


def _close(torch: Any, what: str, got: Any, wanted: Any, tolerance: float) -> float:
    """Return the relative error (Frobenius norm) of a result.

    Raises:
        WrongResultError: it is above the tolerance, or not a number.
    """
    got, wanted = got.detach().cpu().double(), wanted.detach().cpu().double()
    error = float(torch.norm(got - wanted) / torch.norm(wanted))
    if not error <= tolerance:  # nor is NaN
        raise WrongResultError(f"{what}: relative error {error:.2e}, tolerated {tolerance:.0e}")
    return error


@check("torch-build", "what torch was built for", "torch")
def torch_build(_device: str) -> Facts:
    """Ask torch for what it was compiled for; none of it needs a device."""
    torch = _torch()
    native = torch._C
    architectures: list[str] = []
    if hasattr(native, "_cuda_getArchFlags"):
        # Unlike torch.cuda.get_arch_list it answers without a device, too.
        architectures = (native._cuda_getArchFlags() or "").split()
    facts = {
        "version": str(torch.__version__),
        "cuda": torch.version.cuda,
        "hip": getattr(torch.version, "hip", None),
        "architectures": architectures,
        "cxx11_abi": bool(getattr(native, "_GLIBCXX_USE_CXX11_ABI", False)),
        "cudnn": None,
        "cudnn_compiled": None,
        "nccl": None,
    }
    number = torch.backends.cudnn.version() if torch.version.cuda else None
    if number:
        facts["cudnn"] = cudnn_text(int(number))
        compiled = getattr(getattr(native, "_cudnn", None), "getCompileVersion", None)
        facts["cudnn_compiled"] = ".".join(map(str, compiled())) if compiled else None
    with suppress(AttributeError, ImportError, RuntimeError):  # builds without NCCL
        found = torch.cuda.nccl.version()
        facts["nccl"] = nccl_text(found) if isinstance(found, int) else ".".join(str(part) for part in found)
    return facts


@check("torch-cpu", "a product and a training step on the CPU", "torch")
def torch_cpu(_device: str) -> Facts:
    """Multiply matrices, and train a small network."""
    torch = _torch()
    torch.manual_seed(0)
    left, right = torch.randn(256, 256), torch.randn(256, 256)
    error = _close(torch, "matmul on the CPU", left @ right, left.double() @ right.double(), 1e-5)
    losses = _train(torch, "cpu")
    return {"matmul_error": error, "losses": losses}


def _train(torch: Any, device: str, steps: int = 20) -> list[float]:
    """Train a small network; return first and last loss."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.ReLU(), torch.nn.Linear(16, 1)).to(device)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    features = torch.randn(64, 8).to(device)
    target = features.sum(dim=1, keepdim=True)
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = torch.nn.functional.mse_loss(model(features), target)
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    if not losses[-1] < losses[0]:
        raise WrongResultError(f"training on {device} does not reduce the loss: {losses[0]} to {losses[-1]}")
    return [losses[0], losses[-1]]


@check("numpy", "arrays that torch and numpy share", "torch", "numpy")
def numpy_bridge(_device: str) -> Facts:
    """Convert in both directions: a numpy of the wrong ABI only warns when torch is imported."""
    torch, numpy = _torch(), import_module("numpy")
    tensor = torch.from_numpy(numpy.arange(4, dtype="float32"))
    if (tensor + 1).numpy().tolist() != [1, 2, 3, 4] or float(torch.tensor(numpy.ones(2)).sum()) != 2:
        raise WrongResultError("an array is another one after its way through torch")
    return {"numpy": numpy.__version__}


@check("dataloader", "a DataLoader with two worker processes", "torch")
def dataloader(device: str) -> Facts:
    """Load batches in worker processes; on a GPU into pinned memory and from there onto it."""
    torch = _torch()
    data = torch.utils.data.TensorDataset(torch.arange(64).float())
    loader = torch.utils.data.DataLoader(data, batch_size=8, num_workers=2, pin_memory=device == "cuda")
    total = sum(float(batch[0].to(device, non_blocking=True).sum()) for batch in loader)
    if total != 2016:
        raise WrongResultError(f"the batches add up to {total}, not 2016")
    return {"start_method": import_module("multiprocessing").get_start_method()}


@check("torch-device", "torch sees the device and runs on it", "torch", device="gpu")
def torch_device(_device: str) -> Facts:
    """Initialize the device, and train on it."""
    torch = _torch()
    torch.cuda.init()
    devices = []
    for index in range(torch.cuda.device_count()):
        capability = "{}.{}".format(*torch.cuda.get_device_capability(index))
        properties = torch.cuda.get_device_properties(index)
        gfx = getattr(properties, "gcnArchName", None) if _hip(torch) else None
        name = torch.cuda.get_device_name(index)
        devices.append({"name": name, "capability": gfx or capability, "memory": int(properties.total_memory)})
    return {"devices": devices, "losses": _train(torch, "cuda")}


@check("matmul", "products in fp32, tf32, bf16 and fp16 against the CPU", "torch", device="gpu")
def matmul(_device: str) -> Facts:
    """Multiply matrices of normal deviates.

    Tolerances: four times the rounding of the inputs (half a unit in the last place of 24, 11, 8 and 11 bits, for two
    factors), which is what correct kernels stay below whatever the order in which they add.
    """
    torch = _torch()
    torch.manual_seed(0)
    left, right = torch.randn(512, 512), torch.randn(512, 512)
    wanted = left.double() @ right.double()
    on_device = left.cuda(), right.cuda()
    modern = not _hip(torch) and torch.cuda.get_device_capability()[0] >= 8
    errors: Facts = {}
    switch = torch.backends.cuda.matmul
    if hasattr(switch, "allow_tf32"):
        switch.allow_tf32 = False
    errors["fp32"] = _close(torch, "fp32", on_device[0] @ on_device[1], wanted, 1e-5)
    if hasattr(switch, "allow_tf32") and modern:
        switch.allow_tf32 = True
        errors["tf32"] = _close(torch, "tf32", on_device[0] @ on_device[1], wanted, 2e-3)
        switch.allow_tf32 = False
    for name, kind, tolerance, known in (
        ("bf16", torch.bfloat16, 1.6e-2, modern or _hip(torch)),
        ("fp16", torch.float16, 2e-3, True),
    ):
        if known:
            errors[name] = _close(torch, name, on_device[0].to(kind) @ on_device[1].to(kind), wanted, tolerance)
    return {"errors": errors}


@check("convolution", "a convolution through cuDNN (MIOpen), forward and backward", "torch", device="gpu")
def convolution(_device: str) -> Facts:
    """Convolve in fp32 and fp16, and compare output and gradients with the CPU in double precision."""
    torch = _torch()
    cudnn = torch.backends.cudnn
    if not cudnn.is_available():
        raise RuntimeError("torch cannot use cuDNN (MIOpen) here")
    cudnn.allow_tf32 = False
    torch.manual_seed(0)
    values, weights = torch.randn(4, 16, 32, 32), torch.randn(32, 16, 3, 3)
    errors: Facts = {}
    for name, kind, tolerance in (("fp32", torch.float32, 1e-4), ("fp16", torch.float16, 1e-2)):
        results = []
        for device, used in (("cpu", torch.float64), ("cuda", kind)):
            # Both sides begin with what the narrow type can say, so that only the arithmetic differs.
            inputs = values.to(kind).to(device, used).clone().requires_grad_()
            kernel = (weights / 12).to(kind).to(device, used).clone().requires_grad_()
            output = torch.nn.functional.conv2d(inputs, kernel, padding=1)
            (output.float() ** 2).mean().backward()
            results.append((output, inputs.grad, kernel.grad))
        for part, wanted, got in zip(("output", "input gradient", "weight gradient"), *results):
            what = f"convolution in {name}, {part}"
            errors[f"{name} {part}"] = _close(torch, what, got, wanted, tolerance)
    return {"errors": errors, "version": cudnn.version()}


@check("allocator", "memory of the device, taken and given back", "torch", device="gpu")
def allocator(_device: str) -> Facts:
    """Take half of what is free (at most 4 GiB), write to it, and give it back."""
    torch = _torch()
    before = torch.cuda.memory_allocated()
    free, total = torch.cuda.mem_get_info() if hasattr(torch.cuda, "mem_get_info") else (2**31, 0)
    size = min(free // 2, 2**32) // 2**20
    block = torch.empty(size, 2**20, dtype=torch.uint8, device="cuda")
    block.fill_(7)
    if int(block[-1, -1]) != 7 or int(block[0, 0]) != 7:
        raise WrongResultError("memory does not hold what was written to it")
    del block
    torch.cuda.empty_cache()
    if torch.cuda.memory_allocated() != before:
        raise WrongResultError("memory that was given back still counts as taken")
    return {"taken": size * 2**20, "free": int(free), "total": int(total)}


@check("cuda-graph", "a graph, captured and replayed", "torch", device="gpu")
def cuda_graph(_device: str) -> Facts:
    """Capture two operations and replay them with new input."""
    torch = _torch()
    if not hasattr(torch.cuda, "CUDAGraph"):
        raise NotRunError(f"torch {torch.__version__} has no graphs")
    values = torch.zeros(1024, device="cuda")
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):  # warm up, as the documentation of CUDAGraph asks for
        result = values * 2 + 1
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        result = values * 2 + 1
    values.fill_(3)
    graph.replay()
    torch.cuda.synchronize()
    if float(result.sum()) != 7 * 1024:
        raise WrongResultError("the replayed graph computed something else")
    return {}


@check("nccl", "an all-reduce of one process through NCCL (RCCL)", "torch", device="gpu")
def nccl(_device: str) -> Facts:
    """Reduce in a group of one."""
    torch = _torch()
    group = torch.distributed
    if not group.is_available() or not group.is_nccl_available():
        raise RuntimeError("torch was built without NCCL")
    values = torch.arange(8, device="cuda").float()
    with _group(torch, "nccl"):
        group.all_reduce(values)
        torch.cuda.synchronize()
    if values.tolist() != list(range(8)):
        raise WrongResultError("the sum over one process is not its own values")
    return {}


class _group:  # noqa: N801 - used as a function
    """A process group of one."""

    def __init__(self, torch: Any, backend: str) -> None:
        self._group = torch.distributed
        self._backend = backend

    def __enter__(self) -> None:
        place = "file://" + os.path.join(os.getcwd(), "rendezvous")
        self._group.init_process_group(self._backend, init_method=place, rank=0, world_size=1)

    def __exit__(self, *_: object) -> None:
        self._group.destroy_process_group()


@check("attention", "scaled dot product attention, fused kernels against the plain formula", "torch", device="gpu")
def attention(_device: str) -> Facts:
    """Attend in fp16, and name the fused kernels that torch may choose."""
    torch = _torch()
    function = getattr(torch.nn.functional, "scaled_dot_product_attention", None)
    if function is None:
        raise NotRunError(f"torch {torch.__version__} has none")
    torch.manual_seed(0)
    parts = [torch.randn(2, 4, 64, 32).half() for _ in range(3)]
    query, key, value = (part.double() for part in parts)
    wanted = torch.softmax(query @ key.transpose(-1, -2) / 32**0.5, dim=-1) @ value
    error = _close(torch, "attention in fp16", function(*(part.cuda() for part in parts)), wanted, 1e-2)
    known = ("flash_sdp_enabled", "mem_efficient_sdp_enabled", "math_sdp_enabled", "cudnn_sdp_enabled")
    switches = torch.backends.cuda
    return {"error": error, "kernels": {name: getattr(switches, name)() for name in known if hasattr(switches, name)}}


@check("torch-compile", "torch.compile", "torch", seconds=300)
def torch_compile(device: str) -> Facts:
    """Compile a function: on a GPU to kernels, else with the front end alone, which needs no compiler."""
    torch = _torch()
    if not hasattr(torch, "compile"):
        raise NotRunError(f"torch {torch.__version__} has no torch.compile")

    def formula(values: Any) -> Any:
        return torch.nn.functional.gelu(values) * 2 + values.sin()

    values = torch.linspace(-2, 2, 4096, device=device)
    backend = "inductor" if device == "cuda" else "eager"
    try:
        compiled = torch.compile(formula, backend=backend)
        got = compiled(values)
    except RuntimeError as error:
        if "not supported on Python" in str(error):
            raise NotRunError(str(error)) from error
        raise
    return {"backend": backend, "error": _close(torch, "the compiled function", got, formula(values.cpu()), 1e-4)}


@check("flash-attn", "the kernels of flash-attn against the plain formula", "flash-attn", device="gpu")
def flash_attention(_device: str) -> Facts:
    """Attend in fp16."""
    torch = _torch()
    torch.manual_seed(0)
    parts = [torch.randn(2, 64, 4, 32).half() for _ in range(3)]
    query, key, value = (part.double().transpose(1, 2) for part in parts)
    wanted = (torch.softmax(query @ key.transpose(-1, -2) / 32**0.5, dim=-1) @ value).transpose(1, 2)
    got = import_module("flash_attn").flash_attn_func(*(part.cuda() for part in parts))
    return {"error": _close(torch, "flash_attn_func", got, wanted, 1e-2)}


# What stands on torch


@check("torchvision-nms", "the operators of torchvision", "torchvision")
def torchvision_nms(device: str) -> Facts:
    """Suppress an overlapping box, on the CPU and on the GPU if there is one."""
    torch, torchvision = _torch(), import_module("torchvision")
    boxes, scores = (
        torch.tensor([[0.0, 0.0, 2.0, 2.0], [0.0, 0.0, 2.0, 2.1], [5.0, 5.0, 6.0, 6.0]]),
        torch.tensor([1, 0.5, 0.2]),
    )
    for place in sorted({"cpu", device}):
        kept = torchvision.ops.nms(boxes.to(place), scores.to(place), 0.5).cpu().tolist()
        if kept != [0, 2]:
            raise WrongResultError(f"nms on {place} keeps {kept}, not [0, 2]")
    return {"cuda": getattr(torchvision.version, "cuda", None)}


@check("tensorboard", "a SummaryWriter that writes", "torch", "tensorboard")
def tensorboard(_device: str) -> Facts:
    """Write a scalar and a histogram; import what the server imports."""
    writer = import_module("torch.utils.tensorboard").SummaryWriter("runs")
    writer.add_scalar("loss", 1.0, 0)
    writer.add_histogram("weights", _torch().arange(16).float(), 0)
    writer.close()
    import_module("tensorboard.default")
    files = os.listdir("runs")
    if not files or not os.path.getsize(os.path.join("runs", files[0])):
        raise WrongResultError("nothing was written")
    return {}


@check(
    "lightning", "an epoch of a small module with scheduler and checkpoint", "pytorch-lightning|lightning", seconds=300
)
def lightning(device: str) -> Facts:
    """Fit, save a checkpoint, resume: on a GPU in 16 bit."""
    torch = _torch()
    pl = import_module("pytorch_lightning" if "pytorch-lightning" in installed_packages() else "lightning.pytorch")

    class Model(pl.LightningModule):  # type: ignore[name-defined,misc] # known only inside the environment
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(4, 1)

        def training_step(self, batch: Any, _index: int) -> Any:
            loss = torch.nn.functional.mse_loss(self.layer(batch[0]), batch[1])
            self.log("loss", loss)
            return loss

        def configure_optimizers(self) -> Any:
            optimizer = torch.optim.Adam(self.parameters())
            return [optimizer], [torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 0.9**step)]

    release = _release(pl.__version__)
    half: Any = "16-mixed" if release >= (2,) else 16
    options: Facts = {"precision": half if device == "cuda" else 32, "log_every_n_steps": 1, "logger": False}
    if release >= (1, 7):
        options.update(accelerator="gpu" if device == "cuda" else "cpu", devices=1)
    else:
        options.update(gpus=1 if device == "cuda" else 0)
    rows = torch.utils.data.TensorDataset(torch.randn(16, 4), torch.randn(16, 1))
    callbacks = import_module(pl.__name__ + ".callbacks")
    kept = callbacks.ModelCheckpoint(dirpath="checkpoints", save_last=True)
    loader = torch.utils.data.DataLoader(rows, batch_size=4)
    pl.Trainer(max_epochs=1, callbacks=[kept], **options).fit(Model(), loader)
    resumed = pl.Trainer(max_epochs=2, **options) if release < (1, 5) else pl.Trainer(
        max_epochs=2, enable_progress_bar=False, **options
    )  # fmt: skip
    if release >= (1, 5):
        resumed.fit(Model(), loader, ckpt_path=kept.last_model_path)
    return {"precision": str(options["precision"]), "epochs": int(resumed.current_epoch)}


@check("fairscale", "a step with a sharded optimizer", "fairscale")
def fairscale(device: str) -> Facts:
    """Shard an optimizer over a group of one."""
    torch = _torch()
    backend = "nccl" if device == "cuda" else "gloo"
    with _group(torch, backend):
        model = torch.nn.Linear(4, 1).to(device)
        optimizer = import_module("fairscale.optim").OSS(model.parameters(), optim=torch.optim.SGD, lr=0.1)
        sharded = import_module("fairscale.nn.data_parallel").ShardedDataParallel(model, optimizer)
        before = model.weight.detach().clone()
        sharded(torch.ones(1, 4, device=device)).sum().backward()
        optimizer.step()
        if bool((model.weight == before).all()):
            raise WrongResultError("the step changed nothing")
    return {"backend": backend}


@check("deepspeed-ops", "DeepSpeed's operators: which are built in, which are compiled on the node", "deepspeed")
def deepspeed_ops(_device: str) -> Facts:
    """Ask DeepSpeed for its operators, as ds_report does; nothing is compiled."""
    found = import_module("deepspeed.git_version_info")
    installed = dict(found.installed_ops)
    prebuilt = sorted(name for name, built in installed.items() if built)
    extension = import_module("torch.utils.cpp_extension")
    home = extension.CUDA_HOME
    compiler = os.path.join(home, "bin", "nvcc") if home else None
    return {
        "prebuilt": prebuilt,
        "jit": sorted(set(installed) - set(prebuilt)),
        "cuda_home": home,
        "nvcc": bool(compiler and os.access(compiler, os.X_OK)),
        "ninja": bool(extension.is_ninja_available()),
        "torch": dict(getattr(found, "torch_info", {})),
    }


@check("deepspeed", "a step with DeepSpeed", "deepspeed", device="gpu", seconds=600)
def deepspeed(_device: str) -> Facts:
    """Train a step in fp16 with a configuration of three lines.

    With torch's Adam no operator for CUDA is compiled; DeepSpeed still compiles ``utils``, which is C++ alone.
    """
    torch = _torch()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port), RANK="0", LOCAL_RANK="0", WORLD_SIZE="1")
    config = {
        "train_batch_size": 4,
        "optimizer": {"type": "Adam", "params": {"lr": 0.01, "torch_adam": True}},
        "fp16": {"enabled": True, "initial_scale_power": 4},
    }
    model = torch.nn.Linear(8, 1)
    engine = import_module("deepspeed").initialize(model=model, model_parameters=model.parameters(), config=config)[0]
    before = engine.module.weight.detach().clone()
    loss = engine(torch.ones(4, 8, device=engine.device).half()).float().pow(2).mean()
    engine.backward(loss)
    engine.step()
    if bool((engine.module.weight == before).all()):
        raise WrongResultError("the step changed nothing")
    return {"loss": float(loss.detach())}


@check("horovod", "an all-reduce of one process through Horovod", "horovod")
def horovod(device: str) -> Facts:
    """Reduce in a group of one; what Horovod was built with is in the facts."""
    torch, hvd = _torch(), import_module("horovod.torch")
    built = {
        name: bool(getattr(hvd, name + "_built")()) for name in ("nccl", "gloo", "mpi") if hasattr(hvd, name + "_built")
    }
    hvd.init()
    place = "cuda" if device == "cuda" and built.get("nccl") else "cpu"
    got = hvd.allreduce(torch.ones(4, device=place), name="probe")
    if got.tolist() != [1, 1, 1, 1]:
        raise WrongResultError("the mean over one process is not its own values")
    return {"built": built, "device": place}


# ONNX Runtime

_ADD = """
CAc6TQoTCgF4CgF5EgF6GgNhZGQiA0FkZBIDYWRkWg8KAXgSCgoICAESBAoC
CAJaDwoBeRIKCggIARIECgIIAmIPCgF6EgoKCAgBEgQKAggCQgIQDQ==
"""
"""An ONNX model of one node, z = x + y over two floats (IR version 7, opset 13)."""
_RUNTIMES = "onnxruntime|onnxruntime-gpu|onnxruntime-training|onnxruntime-rocm"


@check("onnxruntime-providers", "the execution providers of ONNX Runtime", _RUNTIMES)
def onnxruntime_providers(_device: str) -> Facts:
    """List the providers that are built in, and run a graph on the CPU."""
    runtime = import_module("onnxruntime")
    _add(runtime, ["CPUExecutionProvider"])
    # onnxruntime-training says with this variable that it did not find its CUDA libraries.
    unavailable = os.environ.get("ORT_CUDA_UNAVAILABLE")
    return {"providers": list(runtime.get_available_providers()), "cuda_unavailable": unavailable is not None}


@check("onnxruntime-gpu", "a graph on the GPU with ONNX Runtime", _RUNTIMES, device="gpu")
def onnxruntime_gpu(_device: str) -> Facts:
    """Run a graph on the provider of the GPU; that it is listed does not say that it loads."""
    runtime = import_module("onnxruntime")
    with suppress(ImportError):
        _torch()  # whose libraries ONNX Runtime uses where both are installed
    listed = runtime.get_available_providers()
    known = ("CUDAExecutionProvider", "ROCMExecutionProvider", "MIGraphXExecutionProvider")
    wanted = [name for name in known if name in listed]
    if not wanted:
        raise RuntimeError("no provider for GPUs is built in, only {}".format(", ".join(listed)))
    used = _add(runtime, [wanted[0], "CPUExecutionProvider"])
    if used[0] != wanted[0]:
        raise RuntimeError(f"{wanted[0]} is listed, and the session runs on {used[0]}")
    return {"providers": used}


def _add(runtime: Any, providers: list[str]) -> list[str]:
    numpy = import_module("numpy")
    session = runtime.InferenceSession(base64.b64decode(_ADD), providers=providers)
    (total,) = session.run(None, {name: numpy.ones(2, dtype="float32") for name in ("x", "y")})
    if total.tolist() != [2, 2]:
        raise WrongResultError(f"1 + 1 is {total.tolist()} with ONNX Runtime")
    return list(session.get_providers())


@check("ortmodule", "a training step through ORTModule", "torch-ort|onnxruntime-training", "torch", seconds=300)
def ortmodule(device: str) -> Facts:
    """Run forward and backward through ONNX Runtime."""
    torch = _torch()
    name = "torch_ort" if "torch-ort" in installed_packages() else "onnxruntime.training.ortmodule"
    model = import_module(name).ORTModule(torch.nn.Linear(4, 2).to(device))
    model(torch.ones(3, 4, device=device)).sum().backward()
    gradients = [parameter.grad for parameter in model.parameters()]
    if any(gradient is None for gradient in gradients):
        raise WrongResultError("a parameter has no gradient")
    return {"device": device}


# The child


PLAN: Facts = {}
"""What the lock expects, as ``envsolver gpu expect --json`` prints it; empty where nobody said."""


def run_child(name: str, device: str, result: str, plan: str) -> None:
    """Run one check in this process and write what came of it; then end at once, whatever threads are left."""
    faulthandler.enable()
    if hasattr(signal, "SIGUSR1"):
        # If it hangs, the parent asks where: this answers from C, whatever the interpreter waits for.
        faulthandler.register(signal.SIGUSR1)
    if plan:
        with open(plan, encoding="utf-8") as stream:
            PLAN.update(json.load(stream))
    found: Facts = {"status": "pass", "facts": {}, "error": None, "reason": None}
    try:
        if name == NODE:
            found["facts"] = node_facts()
        elif name.startswith(IMPORT):
            found["facts"] = _imported(name[len(IMPORT) :])
        else:
            found["facts"] = CHECKS[name].run(device)
    except NotRunError as error:
        found.update(status="not-run", reason=str(error))
    except BaseException as error:  # packages raise SystemExit too, and what is raised is the finding
        found.update(status="fail", error=_error(error))
    text = json.dumps(found, default=str)
    with open(result, "w", encoding="utf-8") as stream:
        stream.write(text)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _imported(module: str) -> Facts:
    return {"version": str(getattr(import_module(module), "__version__", "")) or None}


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return "{}: {}".format(type(error).__name__, lines[0] if lines else "").rstrip(": ")[:400]


def _error(error: BaseException) -> Facts:
    frames = [(frame.filename.replace("\\", "/"), frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]
    inside = [(name, line) for name, line in frames if "/site-packages/" in name]
    place = "{}:{}".format(inside[-1][0].rsplit("/site-packages/", 1)[1], inside[-1][1]) if inside else None
    chain = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    message = _neutral(str(error).strip()[:2000])
    return {"type": type(error).__name__, "message": message, "place": place, "trace": _tail(chain)}


def _tail(text: str) -> str:
    return _neutral("\n".join(text.strip().splitlines()[-_TAIL_LINES:])[-_TAIL_BYTES:])


def _neutral(text: str) -> str:
    """Return a text without the place of the environment and of its user: reports and receipts are shown to others."""
    prefixes = (os.path.realpath(sys.prefix), sys.prefix)
    places = [(os.path.abspath(__file__), "probe.py"), *((prefix, "@PREFIX@") for prefix in prefixes)]
    for place, name in [*places, (os.path.expanduser("~"), "~")]:
        if len(place) > 1:
            text = text.replace(place, name)
    return text


# The parent


def run_check(name: str, device: str, plan: str, seconds: float) -> Facts:
    """Run one check in a child and return what is to be said about it."""
    started = time.time()
    with tempfile.TemporaryDirectory(prefix="probe-") as folder:
        result, log = os.path.join(folder, "result.json"), os.path.join(folder, "output.txt")
        work = os.path.join(folder, "work")
        os.mkdir(work)
        # -B: the environment is to stay as it is; -I: nothing but the environment counts.
        command = [sys.executable, "-I", "-B", os.path.abspath(__file__)]
        command += ["--child", name, "--device", device, "--result", result]
        command += ["--expect", plan] if plan else []
        with open(log, "wb") as output:
            child = subprocess.Popen(
                command,
                cwd=work,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                status: int | None = child.wait(timeout=seconds)
            except subprocess.TimeoutExpired:
                status = None
                _ask_where(child, log)
            finally:
                _end(child)
        found: Facts = {"check": name, "status": "crash", "facts": {}, "error": None, "reason": None, "signal": None}
        if status is None:
            found.update(status="timeout", reason=f"no end within {seconds:g} s")
        elif status == 0 and os.path.exists(result):
            with open(result, encoding="utf-8") as stream:
                found.update(json.load(stream))
        else:
            found.update(reason=_end_text(status), signal=_signal(status))
        found["seconds"] = round(time.time() - started, 1)
        found["output"] = None if found["status"] in ("pass", "not-run") else _tail(_read(log))
    return found


def _ask_where(child: subprocess.Popen[bytes], log: str) -> None:
    """Have a process that hangs write where it is, and wait a little for that."""
    if not hasattr(signal, "SIGUSR1"):
        return
    before = os.path.getsize(log)
    with suppress(OSError):
        child.send_signal(signal.SIGUSR1)
    for _ in range(50):
        if os.path.getsize(log) > before and child.poll() is None:
            time.sleep(0.1)  # the rest of it
            return
        if child.poll() is not None:
            return
        time.sleep(0.1)


def _end(child: subprocess.Popen[bytes]) -> None:
    """Kill what is left of a check, its worker processes too."""
    with suppress(OSError):
        if hasattr(os, "killpg"):
            os.killpg(child.pid, signal.SIGKILL)
        else:
            child.kill()
    child.wait()


def _signal(status: int) -> str | None:
    try:
        return signal.Signals(-status).name if status < 0 else None
    except ValueError:
        return str(-status)


def _end_text(status: int) -> str:
    return f"ended by {_signal(status)}" if status < 0 else f"ended with status {status} and no result"


def wanted_checks(plan: Facts, only: Sequence[str]) -> list[str]:
    """Return the checks to report on, in order: those of the plan, else all whose packages are installed."""
    if plan:
        names = [entry["check"] for entry in plan.get("checks", [])]
    else:
        there = installed_packages()
        names = [name for name, one in CHECKS.items() if _installed(one, there)]
        names = [IMPORT + module for module in _usual_modules()] + names
    return [name for name in names if not only or name in only]


def _installed(one: Check, there: dict[str, str]) -> bool:
    def has(alternatives: str) -> bool:
        return any(
            name in there or (name.endswith("*") and any(other.startswith(name[:-1]) for other in there))
            for name in alternatives.split("|")
        )

    return all(has(alternatives) for alternatives in one.packages)


def seconds_of(name: str) -> int:
    """Return after how long a check counts as hung."""
    return CHECKS[name].seconds if name in CHECKS else _IMPORT_SECONDS


def probe(plan_path: str, only: Sequence[str], timeout: float | None, tell: Callable[[str], None]) -> Facts:
    """Run all checks and return the report."""
    started = time.time()
    plan: Facts = {}
    if plan_path:
        with open(plan_path, encoding="utf-8") as stream:
            plan = json.load(stream)
    tell("node")
    node = run_check(NODE, "cpu", "", timeout or 60)
    facts = node["facts"] if node["status"] == "pass" else {"devices": [], "problems": [str(node["reason"])]}
    device = "cuda" if facts["devices"] else "cpu"
    there = installed_packages()
    results = []
    names = wanted_checks(plan, only)
    for number, name in enumerate(names, 1):
        tell(f"{number}/{len(names)} {name}")
        one = CHECKS.get(name)
        reason = None
        if one is None and not name.startswith(IMPORT):
            reason = f"this probe (version {VERSION}) has no such check"
        elif one is not None and not _installed(one, there):
            reason = "not installed: {}".format(" and ".join(part.replace("|", " or ") for part in one.packages))
        elif one is not None and one.device == "gpu" and device == "cpu":
            reason = no_device(facts)
        if reason is not None:
            results.append({"check": name, "status": "not-run", "reason": reason, "seconds": 0.0})
        else:
            results.append(
                run_check(
                    name, device, os.path.abspath(plan_path or "") if plan_path else "", timeout or seconds_of(name)
                )
            )
    return {
        "schema": SCHEMA,
        "probe": VERSION,
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(started)),
        "seconds": round(time.time() - started, 1),
        "python": platform.python_version(),
        "device": device,
        "system": system_facts(),
        "node": facts,
        "packages": there,
        "checks": results,
    }


def no_device(node: Facts) -> str:
    """Say why there is no GPU to run on."""
    if "nvidia" in node.get("hardware", ()):
        return "there is an NVIDIA device, and no driver that works"
    if "amd" in node.get("hardware", ()):
        return "there is an AMD device, and no driver that works"
    return "there is no GPU"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the probe, or one of its checks in this process."""
    parser = argparse.ArgumentParser(prog="probe.py", description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--output", default="-", help="where the report goes (JSON); - is standard output")
    parser.add_argument("--expect", default="", help="what `envsolver gpu expect NAME --json` printed")
    parser.add_argument("--only", action="append", default=[], metavar="CHECK", help="run this check; may be repeated")
    parser.add_argument("--timeout", type=float, help="seconds for each check, in place of its own")
    parser.add_argument("--node", action="store_true", help="look at the node alone; no package is imported")
    parser.add_argument("--progress", action="store_true", help="say on standard error what goes on")
    parser.add_argument("--child", default="", help=argparse.SUPPRESS)
    parser.add_argument("--device", default="cpu", help=argparse.SUPPRESS)
    parser.add_argument("--result", default="", help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.child:
        run_child(given.child, given.device, given.result, given.expect)

    def tell(text: str) -> None:
        if given.progress:
            sys.stderr.write(text + "\n")
            sys.stderr.flush()

    if given.node:
        report: Facts = {"schema": SCHEMA, "probe": VERSION, "system": system_facts(), "node": node_facts()}
    else:
        report = probe(given.expect, given.only, given.timeout, tell)
    text = json.dumps(report, indent=2, sort_keys=True, default=str) + "\n"
    if given.output == "-":
        sys.stdout.write(text)
    else:
        with open(given.output, "w", encoding="utf-8") as stream:
            stream.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
