"""The machine in one line, as traces and the page name it."""

from lr_demo.serving.hardware import Hardware, inspect_hardware


def machine_in_words(hardware: Hardware | None = None) -> str:
    """GPUs where there are any, else processor, cores and memory; the same for the same machine."""
    hardware = hardware or inspect_hardware()
    if not hardware.gpus:
        return f"{hardware.processor}, {hardware.cores} cores, {hardware.memory / 2**30:.0f} GiB"
    names = [gpu.name for gpu in hardware.gpus]
    return ", ".join(f"{names.count(name)} × {name}" for name in dict.fromkeys(names))
