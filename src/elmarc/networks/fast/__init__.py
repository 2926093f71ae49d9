"""The same feature maps sooner: no architecture needs these modules to be understood.

`elmarc.networks.blocks` defines each layer by torch's public calls, and asks `convolve` and `band_peaks`
first, which give the same map or None:

- `onednn` keeps kernels as oneDNN lays them out, by operators of torch that are not public. `trust` compares
  each kind of layer with the public call at first use, and gives that kind up where the two differ.
- `toom_cook` needs two to four times fewer multiplications.
- `band_products` turns tall filters on spectrograms into matrix products.

**Plain path.** With `ELMARC_PLAIN=1` in the environment, or inside `with plain():`, none of this is used:
every layer is one `torch.nn.functional.conv2d`. It is slower. In float32, features differ by at most 1e-4 of
a network's largest, as they may between processors: stores and results serve both. In bfloat16 they differ by
its rounding.
"""

from __future__ import annotations

from elmarc.networks.fast.dispatch import band_peaks, convolve, plain
from elmarc.networks.fast.onednn import Kept

__all__ = ["Kept", "band_peaks", "convolve", "plain"]
