"""The speed of each scheme, predicted from what servers take and how well draft and target agree."""

from lr_demo.prediction.advice import Bottleneck, best_settings, bottleneck, choices
from lr_demo.prediction.inputs import PLAIN, Choice, Costs, Pace, Workload
from lr_demo.prediction.speed import Prediction, Shares, predict

__all__ = [
    "PLAIN",
    "Bottleneck",
    "Choice",
    "Costs",
    "Pace",
    "Prediction",
    "Shares",
    "Workload",
    "best_settings",
    "bottleneck",
    "choices",
    "predict",
]
