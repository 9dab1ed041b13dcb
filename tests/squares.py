"""Videos whose right answers are easy, as real files."""

import csv

import torch

from kinetoscope.video.encode import write_mp4

COLOURS = {"red": (220, 40, 40), "green": (40, 200, 40), "blue": (40, 40, 220)}
SIZE = 32


def square(colour, *, seed, frames=10):
    """A coloured square that drifts over grey noise."""
    generator = torch.Generator().manual_seed(seed)
    picture = torch.randint(90, 130, (frames, SIZE, SIZE, 3), generator=generator)
    top, left = torch.randint(2, 12, (2,), generator=generator).tolist()
    for time in range(frames):
        picture[time, top : top + 12, left + time // 2 : left + time // 2 + 12] = torch.tensor(
            colour
        )
    return picture.to(torch.uint8)


def videos_of_squares(folder, *, train=8, test=2, broken=0):
    """A folder with index.csv: squares of three colours, each label with so many videos."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for split, count in (("train", train), ("test", test)):
        for place in range(count):
            for number, (label, colour) in enumerate(COLOURS.items()):
                path = f"{split}-{label}-{place}.mp4"
                seed = 1000 * number + 100 * (split == "test") + place
                write_mp4(folder / path, square(colour, seed=seed), 15.0)
                rows.append({"path": path, "label": label, "split": split})
    for place in range(broken):
        path = f"broken-{place}.mp4"
        (folder / path).write_bytes(b"no video")
        rows.append({"path": path, "label": "red", "split": "train"})
    with (folder / "index.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["path", "label", "split"])
        writer.writeheader()
        writer.writerows(rows)
    return folder
