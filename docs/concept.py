"""Draw the pictures of docs/how-it-works.md anew: `python docs/concept.py`. It takes about a minute.

A clip of the toy data set goes through elmarc's own front-end, networks and pooling, with the weights of
seed 0. The rankings are those of all its clips.
"""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import FancyArrowPatch, Rectangle
from numpy.typing import NDArray
from PIL import Image

import elmarc
from elmarc.audio.decode import load
from elmarc.features.pooling import pool
from elmarc.features.recipes import RECIPES, STATISTICS
from elmarc.frontends import LogMel
from elmarc.networks import build_network

FIGURES = Path(__file__).resolve().parent / "figures"
CLIP = "march_bell_01.wav"
LOGMEL = LogMel(**RECIPES["v2"].frontends["logmel"])
SYSTEMS = ("mfcc", "timbral", "timbral_temporal", "temporal")  # from the lowest bar up
DARK, BLUE, ORANGE, GREEN, GREY = "#222222", "#1f6f8b", "#b34d12", "#2e7d32", "#8a8a8a"
LEFT, WIDTH, GAP, HEIGHT, ROWS = 0.065, 0.185, 0.06, 0.25, (0.675, 0.125)  # of the diagram's panels
COLUMNS = [LEFT + i * (WIDTH + GAP) for i in range(4)]

# What `random-filters.png` shows: network, number of the kernel in its weights, layer, channel, title
FILTERS = (
    ("vgg", 0, "pool1", 4, "vgg, 3 x 3"),
    ("timbral_temporal", 0, "timbral", 0, "timbral, 7 x 86"),
    ("timbral_temporal", 6, "timbral", 28, "timbral, 7 x 38"),
    ("timbral_temporal", 18, "temporal", 27, "temporal, 32 frames"),
    ("timbral_temporal", 12, "temporal", 0, "temporal, 165 frames"),
)
FIRST = {6: 28, 18: 25}  # channel of a kernel's first filter

MAGMA = mpl.colormaps["magma"].resampled(20)  # few colours, which makes small files
Array = NDArray[np.float32]
mpl.rcParams.update({"font.size": 13, "axes.edgecolor": GREY, "text.color": DARK, "axes.labelcolor": DARK})


def main() -> None:
    """Draw both."""
    clips = elmarc.open_dataset("toy", target="rhythm").clips
    y = load(next(clip.path for clip in clips if clip.path.name == CLIP), sr=LOGMEL.sr)
    save(filters(LOGMEL(y)), "random-filters.png")
    save(diagram(y, LOGMEL(y)), "how-it-works.png")


def save(figure: Figure, name: str) -> None:
    """Save in 200 colours, a third of the bytes of all."""
    figure.savefig(FIGURES / name, dpi=100, facecolor="white")
    image = Image.open(FIGURES / name).convert("RGB")
    image.quantize(200, dither=Image.Dither.NONE).save(FIGURES / name, optimize=True)


def diagram(y: Array, spectrogram: Array) -> Figure:
    """Draw what happens to a clip, from its samples to the rankings."""
    network, x = build_network("timbral_temporal", size="small", seed=0), torch.from_numpy(spectrogram)[None]
    maps = torch.cat(list(network(x).values()), dim=1)[0].numpy()
    features = pool(network, x, statistics=STATISTICS)[0].numpy()
    figure = Figure(figsize=(10, 6.1))
    places = [(column, ROWS[0]) for column in COLUMNS] + [(column, ROWS[1]) for column in COLUMNS[:2]]
    axes = [figure.add_axes((*place, WIDTH, HEIGHT)) for place in places]
    axes[0].plot(y, color=BLUE, linewidth=0.4)
    axes[1].imshow(spectrogram.T, origin="lower", aspect="auto", cmap=MAGMA, interpolation="nearest")
    kernels(axes[2])
    axes[3].imshow(maps / maps.max(axis=1, keepdims=True), aspect="auto", cmap=MAGMA, interpolation="nearest")
    pooled = features.reshape(-1, len(STATISTICS)).T
    axes[4].imshow(
        pooled / pooled.max(axis=1, keepdims=True), aspect="auto", cmap=MAGMA, interpolation="nearest"
    )
    folds(axes[5])
    for ax in axes:
        ax.set(xticks=[], yticks=[])
    axes[4].set_yticks(range(4), ["mean", "std", "lag 1", "lag 8"], fontsize=12)
    axes[4].tick_params(left=False, pad=2)
    texts = (
        ("1  Sound", f"8 s at 12 kHz\n({len(y)},)", DARK),
        ("2  Log-mel", f"frames x mel bands\n{spectrogram.shape}", DARK),
        ("3  Random filters", "drawn from a seed,\nnever trained", ORANGE),
        ("4  Feature maps", f"filters x frames\n{maps.shape}", DARK),
        ("5  Pooling", f"4 numbers of each map:\n({len(features)},) features", DARK),
        ("6  Classifier", "fitted, and tested on\nclips held out", GREEN),
    )
    for ax, (title, text, colour) in zip(axes, texts, strict=True):
        ax.set_title(title, fontsize=15, fontweight="bold", color=colour, loc="left", pad=8)
        ax.text(0.5, -0.06, text, transform=ax.transAxes, ha="center", va="top", color=colour)
    rankings(figure)
    arrows(figure)
    return figure


def arrows(figure: Figure) -> None:
    """Join the panels, the end of the first row with the beginning of the second."""
    for row, n_arrows in zip(ROWS, (3, 1), strict=True):
        for start in COLUMNS[:n_arrows]:
            arrow(
                figure,
                (start + WIDTH + 0.012, row + HEIGHT / 2),
                (start + WIDTH + GAP - 0.012, row + HEIGHT / 2),
            )
    middle, right, left = ROWS[0] - 0.165, COLUMNS[3] + WIDTH / 2, COLUMNS[0] + WIDTH / 2
    corner = [right, right, left], [middle + 0.045, middle, middle]
    figure.add_artist(Line2D(*corner, color=GREY, linewidth=2))
    arrow(figure, (left, middle + 0.002), (left, ROWS[1] + HEIGHT + 0.06))
    end = COLUMNS[1] + WIDTH
    arrow(figure, (end + 0.008, ROWS[1] + HEIGHT / 2), (end + 0.044, ROWS[1] + HEIGHT / 2))


def arrow(figure: Figure, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Draw an arrow between two places of a figure."""
    style = {"arrowstyle": "-|>", "mutation_scale": 18, "linewidth": 2, "color": GREY}
    figure.add_artist(FancyArrowPatch(start, end, shrinkA=0, shrinkB=0, **style))


def kernels(ax: Axes) -> None:
    """Show four kernels of the network, each with its frames x bands; not to scale."""
    weights = build_network("timbral_temporal", size="small", seed=0).get_weights()
    for index, start, height in ((0, 0.06, 0.62), (6, 0.34, 0.28)):
        kernel = weights[index][:, :, 0, 0].T
        part = ax.inset_axes((start, 0.30, 0.20, height))
        part.imshow(kernel, aspect="auto", cmap="RdBu_r", interpolation="nearest")
        part.set(xticks=[], yticks=[])
        part.set_title("x".join(map(str, kernel.T.shape)), fontsize=11, y=-0.30 if index == 0 else -0.66)
    for index, bottom in ((18, 0.58), (12, 0.30)):
        part = ax.inset_axes((0.66, bottom, 0.28, 0.2))
        part.plot(weights[index][:, 0, 0], color=BLUE, linewidth=0.8)
        part.axis("off")
    ax.text(0.8, 0.82, "32x1", fontsize=11, ha="center", transform=ax.transAxes)
    ax.text(0.8, 0.11, "165x1", fontsize=11, ha="center", transform=ax.transAxes)


def folds(ax: Axes) -> None:
    """Show five folds, each held out once."""
    for row in range(5):
        for fold in range(5):
            colour = GREEN if row == fold else "#d5e6d6"
            ax.add_patch(Rectangle((fold + 0.06, 4 - row + 0.1), 0.88, 0.8, color=colour, linewidth=0))
    ax.set(xlim=(0, 5), ylim=(0, 5))


def rankings(figure: Figure) -> None:
    """Rank three networks and the MFCC baseline, by rhythm and by timbre."""
    title = ROWS[1] + HEIGHT + 0.022
    figure.text(COLUMNS[2] + 0.012, title, "7  Ranking", fontsize=15, fontweight="bold")
    figure.text(COLUMNS[2] + 0.148, title, "accuracy in percent, by task", fontsize=13)
    for i, target in enumerate(("rhythm", "timbre")):
        ranking = elmarc.rank(
            "toy",
            target=target,
            networks=SYSTEMS[1:],
            classifiers="ridge",
            recipe="v2",
            seeds=3,
            progress=False,
        )
        rows = ranking.to_frame().set_index("network").loc[list(SYSTEMS)]
        ax = figure.add_axes((COLUMNS[2] + 0.148 + i * 0.157, ROWS[1], 0.122, HEIGHT))
        shown = 100 * rows[["accuracy", "low", "high"]].astype(float)
        error = [shown["accuracy"] - shown["low"], shown["high"] - shown["accuracy"]]
        colours = [GREY if name == "mfcc" else BLUE for name in SYSTEMS]
        ax.barh(SYSTEMS, shown["accuracy"], xerr=error, color=colours, ecolor=DARK, height=0.7)
        for row, (accuracy, _, high) in enumerate(shown.to_numpy()):
            beside = high < 40
            place, colour = (high + 5, DARK) if beside else (3, "white")
            ax.text(place, row, f"{accuracy:.0f}", color=colour, va="center", fontsize=12)
        ax.set(xlim=(0, 103), xticks=[0, 50, 100], xlabel=target)
        ax.tick_params(labelsize=12, labelleft=i == 0, left=False)
        ax.spines[["top", "right"]].set_visible(False)


def filters(spectrogram: Array) -> Figure:
    """Draw random filters of several shapes, and the feature maps that they give."""
    seconds = len(spectrogram) / LOGMEL.positions_per_second
    figure = Figure(figsize=(10, 10.4))
    rows = figure.add_gridspec(
        1 + len(FILTERS), 2, width_ratios=(1, 3), left=0.09, right=0.98, top=0.96, bottom=0.055, hspace=0.8
    )
    ax = figure.add_subplot(rows[0, 1])
    extent = (0, seconds, 0, LOGMEL.n_mels)
    ax.imshow(
        spectrogram.T, origin="lower", aspect="auto", cmap=MAGMA, interpolation="nearest", extent=extent
    )
    ax.set(ylabel="mel band", yticks=[0, 48, 96])
    ax.set_title(
        f"log-mel of a clip of 8 s: {spectrogram.shape[0]} frames x {LOGMEL.n_mels} bands", fontsize=13
    )
    figure.text(0.09, 0.957, "Random filters", fontsize=15, fontweight="bold", color=ORANGE, va="top")
    note = "red: positive weights\nblue: negative weights\nnever trained"
    figure.text(0.09, 0.928, note, va="top", linespacing=1.4)
    x = torch.from_numpy(spectrogram)[None]
    for row, (name, index, layer, channel, title) in enumerate(FILTERS, start=1):
        network = build_network(name, size="small", seed=0, layers=[layer])
        kernel = network.get_weights()[index]
        show_kernel(figure.add_subplot(rows[row, 0]), kernel[..., 0, channel - FIRST.get(index, 0)], title)
        ax = figure.add_subplot(rows[row, 1])
        show_map(ax, network(x)[layer][0, channel].numpy(), seconds, layer)
    ax.set_xlabel("time, s (46.9 frames a second)")
    figure.align_ylabels()
    return figure


def show_kernel(ax: Axes, kernel: Array, title: str) -> None:
    """Show a kernel of frames x bands, or of frames alone."""
    if kernel.ndim == 2:
        limit = np.abs(kernel).max()
        extent = (0, kernel.shape[0], 0, kernel.shape[1])
        ax.imshow(
            kernel.T,
            origin="lower",
            aspect="auto",
            cmap="RdBu_r",
            vmin=-limit,
            vmax=limit,
            extent=extent,
            interpolation="nearest",
        )
        ax.set(ylabel="bands", xticks=[0, kernel.shape[0]], yticks=[0, kernel.shape[1]])
    else:
        colours = np.where(kernel > 0, "#b2182b", "#2166ac")
        ax.bar(np.arange(len(kernel)) + 0.5, kernel, width=1.0, color=colours)
        ax.set(ylabel="weight", xlim=(0, len(kernel)), xticks=[0, len(kernel)])
        limit = np.ceil(10 * np.abs(kernel).max()) / 10
        ax.set(ylim=(-limit, limit), yticks=[-limit, 0, limit])
    ax.set_xlabel("frames", labelpad=-10)
    ax.set_title(title, fontsize=13)


def show_map(ax: Axes, values: Array, seconds: float, layer: str) -> None:
    """Show a map of positions x bands, or of frames alone with its mean."""
    mean = f"mean {values.mean():.2f}"
    if values.ndim == 2:
        extent = (0, seconds, 0, values.shape[1])
        ax.imshow(values.T, origin="lower", aspect="auto", cmap=MAGMA, interpolation="nearest", extent=extent)
        ax.set(ylabel="band", yticks=[0, values.shape[1]])
        ax.set_title(f"max-pool and ELU: {values.shape[0]} x {values.shape[1]}; {mean}", fontsize=13)
    else:
        times = (np.arange(len(values)) + 0.5) * seconds / len(values)
        ax.fill_between(times, values, color=BLUE, alpha=0.25, linewidth=0)
        ax.plot(times, values, color=BLUE, linewidth=1.2)
        ax.axhline(values.mean(), color=ORANGE, linestyle="--", linewidth=1.6)
        ax.set(ylabel="map", xlim=(0, seconds), ylim=(0, 1.1 * values.max()))
        how = "ReLU and max over bands" if layer == "timbral" else "ReLU"
        ax.set_title(f"{how}: {len(values)} frames; {mean} (dashed)", fontsize=13)


if __name__ == "__main__":
    main()
