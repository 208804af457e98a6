"""What tuning may change in each baseline: data for `compvis.baselines.tuning.random_search`.

Keys are constructor arguments; `augmentation.x` is read by `resolve_params`.
"""

from compvis.baselines.tuning import Choice, Domain, LogUniform, Uniform

_DEFORMATION: dict[str, Domain] = {
    "augmentation.factor": Uniform(0.6, 1.4),
    "augmentation.elastic": Uniform(0.02, 0.07),
    "augmentation.elastic_cells": Choice((4, 5, 6, 8)),
}

_NETWORK: dict[str, Domain] = _DEFORMATION | {
    "learning_rate": LogUniform(1e-3, 1e-2),
    "weight_decay": LogUniform(1e-3, 1e-1),
    "label_smoothing": Choice((0.0, 0.1, 0.2)),
    "dropout": Choice((0.0, 0.2, 0.4)),
    "batch": Choice((32, 64)),
}

_PHOTO_DEFORMATION: dict[str, Domain] = {
    "augmentation.factor": Uniform(0.5, 1.5),
    "augmentation.brightness": Uniform(0.0, 0.3),
    "augmentation.contrast": Uniform(0.0, 0.5),
    "augmentation.tint": Uniform(0.0, 0.5),
    "augmentation.saturation": Uniform(0.0, 1.0),
}

_PHOTO_NETWORK: dict[str, Domain] = _PHOTO_DEFORMATION | {
    "learning_rate": LogUniform(1e-3, 1e-2),
    "weight_decay": LogUniform(1e-3, 1e-1),
    "label_smoothing": Choice((0.0, 0.1, 0.2)),
    "dropout": Choice((0.0, 0.2, 0.4)),
}

SEARCH_SPACES: dict[str, dict[str, Domain]] = {
    "cnn": _NETWORK | {"width": Choice((16, 24))},
    "resnet": _NETWORK | {"width": Choice((16, 24)), "blocks": Choice((1, 2))},
    "alexnet": _NETWORK | {"learning_rate": LogUniform(3e-4, 3e-3), "width": Choice((16, 24))},
    "convnext": _NETWORK | {"width": Choice((24, 32)), "kernel": Choice((3, 5, 7))},
    "ensemble": _NETWORK | {"width": Choice((16, 24))},
    "scattering": _DEFORMATION
    | {"c": LogUniform(0.1, 100.0), "scales": Choice((1, 2, 3)), "orientations": Choice((4, 6, 8))},
    "hog_svm": _DEFORMATION
    | {
        "c": LogUniform(0.3, 30.0),
        "gamma": LogUniform(0.2, 5.0),
        "cells": Choice(((4,), (4, 7), (5, 9), (3, 7))),
        "bins": Choice((8, 9, 12)),
        "signed": Choice((False, True)),
        "blur": Uniform(0.0, 1.2),
    },
    "pixel_nearest": {
        "shift": Choice((0, 1, 2)),
        "blur": Uniform(0.0, 2.5),
        "unit": Choice((False, True)),
        "neighbours": Choice((1, 2, 3)),
    },
    "tangent_nearest": {
        "blur": Uniform(0.5, 2.0),
        "spring": LogUniform(1e-3, 1.0),
        "neighbours": Choice((1, 2, 3)),
    },
    "distortion_nearest": {
        "warp": Choice((1, 2, 3)),
        "context": Choice((1, 2)),
        "blur": Uniform(0.0, 1.2),
        "size": Choice((16, 20, 24, 28)),
        "neighbours": Choice((1, 2, 3)),
    },
    "prototypical": {
        "augmentation.factor": Uniform(0.5, 2.0),
        "learning_rate": LogUniform(1e-3, 1e-2),
        "alphabet_share": Choice((0.25, 0.5, 0.75)),
        "temperature": LogUniform(4.0, 64.0),
        "frame": Choice(("image", "ink")),
    },
    "cnn_photo": _PHOTO_NETWORK | {"width": Choice((16, 24, 32)), "grid": Choice((1, 2, 4))},
    "resnet_photo": _PHOTO_NETWORK | {"width": Choice((12, 16, 24))},
    "alexnet_photo": _PHOTO_NETWORK | {"learning_rate": LogUniform(3e-4, 3e-3), "width": Choice((16, 24))},
    "convnext_photo": _PHOTO_NETWORK | {"width": Choice((24, 32)), "kernel": Choice((3, 5, 7))},
    "ensemble_photo": _PHOTO_NETWORK | {"width": Choice((16, 24, 32)), "grid": Choice((1, 2, 4))},
    "scattering_photo": _PHOTO_DEFORMATION
    | {
        "c": LogUniform(0.1, 100.0),
        "scales": Choice((2, 3, 4)),
        "outline": Uniform(0.0, 2.0),
        "colour": Uniform(0.0, 8.0),
        "frame": Choice(("image", "object")),
    },
    "hog_svm_photo": _PHOTO_DEFORMATION
    | {
        "c": LogUniform(0.3, 30.0),
        "gamma": LogUniform(0.1, 5.0),
        "cells": Choice(((8,), (8, 16), (6, 12), (10, 20))),
        "bins": Choice((8, 9, 12)),
        "signed": Choice((False, True)),
        "blur": Uniform(0.0, 2.0),
        "outline": Uniform(0.5, 3.0),
        "colour": Uniform(0.0, 1.5),
        "colour_cells": Choice((1, 2, 4)),
        "frame": Choice(("image", "object")),
    },
    "nearest_photo": {
        "shift": Choice((0, 1, 2)),
        "blur": Uniform(0.0, 3.0),
        "unit": Choice((False, True)),
        "neighbours": Choice((1, 2, 3)),
        "outline": Uniform(0.0, 3.0),
        "frame": Choice(("image", "object")),
    },
}
