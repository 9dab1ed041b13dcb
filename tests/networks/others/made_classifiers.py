"""Tiny classifiers of Hugging Face, each with its processor, as their folders on the hub are."""

import torch

LABELS = ("walk", "run", "jump")
SIZES = {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2}
KINDS = ("videomae", "timesformer", "vivit", "vjepa2")


def classifier(kind, *, size=(32, 32)):
    """A model of transformers that takes clips of 4 frames, in patches of 8 x 8."""
    import transformers

    torch.manual_seed(0)
    names = {"id2label": dict(enumerate(LABELS)), "label2id": {n: i for i, n in enumerate(LABELS)}}
    plain = {**SIZES, **names, "intermediate_size": 32, "num_frames": 4, "initializer_range": 0.3}
    if kind == "videomae":
        config = transformers.VideoMAEConfig(
            image_size=size, patch_size=8, tubelet_size=2, use_mean_pooling=False, **plain
        )
        return transformers.VideoMAEForVideoClassification(config)
    if kind == "timesformer":
        config = transformers.TimesformerConfig(image_size=size[1], patch_size=8, **plain)
        return transformers.TimesformerForVideoClassification(config)
    if kind == "vivit":
        config = transformers.VivitConfig(image_size=size, tubelet_size=[2, 8, 8], **plain)
        return transformers.VivitForVideoClassification(config)
    config = transformers.VJEPA2Config(
        crop_size=size[0],
        patch_size=8,
        frames_per_clip=4,
        tubelet_size=2,
        num_pooler_layers=1,
        pred_hidden_size=24,
        pred_num_attention_heads=2,
        pred_num_hidden_layers=1,
        initializer_range=0.3,
        **SIZES,
        **names,
    )
    return transformers.VJEPA2ForVideoClassification(config)


def processor(kind, *, size=(32, 32)):
    """What makes a model's clips of frames, as published for it."""
    import transformers

    height, width = size
    crop = {"height": height, "width": width}
    if kind == "vivit":
        return transformers.VivitImageProcessor(size={"shortest_edge": 36}, crop_size=crop)
    if kind == "vjepa2":
        return transformers.VJEPA2VideoProcessor(crop_size=crop)
    mean, std = ([0.45] * 3, [0.225] * 3) if kind == "timesformer" else ([0.4, 0.5, 0.6], [0.3] * 3)
    return transformers.VideoMAEImageProcessor(
        size={"shortest_edge": min(size)}, crop_size=crop, image_mean=mean, image_std=std
    )


def save(kind, folder, *, size=(32, 32)):
    """Write a model with its processor to a folder; returns both."""
    from transformers.utils import logging

    logging.disable_progress_bar()
    model, made = classifier(kind, size=size).eval(), processor(kind, size=size)
    model.save_pretrained(folder)
    made.save_pretrained(folder)
    return model, made
