"""What a worker of vLLM on processors imports (`--worker-extension-cls`): our sampling takes the place of its own."""

import torch
from vllm.triton_utils.dispatcher import register_kernels
from vllm.v1.sample import rejection_sampler
from vllm.v1.sample.ops import topk_topp_sampler

from lr_demo.serving.cpu_sampling import MOST_KEPT, expand, truncate


class OnProcessors:
    """Adds nothing to the worker: naming it is what imports this module there."""


_sorting = topk_topp_sampler.apply_top_k_top_p


def _truncate(logits: torch.Tensor, k: torch.Tensor | None, p: torch.Tensor | None) -> torch.Tensor:
    if k is None or (len(k) and int(k.max()) > MOST_KEPT):
        return _sorting(logits, k, p)
    return truncate(logits, k, p)


register_kernels({"vllm.v1.sample.rejection_sampler.expand_kernel": expand})
topk_topp_sampler.apply_top_k_top_p = rejection_sampler.apply_top_k_top_p = _truncate
